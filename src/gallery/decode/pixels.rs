//! From what a file holds to 8-bit RGB: deep values, transparency, and what to say of them.

use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

use super::options::{Alpha, DecodeOptions, Depth};

/// The bits that values are taken to have had.
const DEPTHS: [u8; 4] = [8, 10, 12, 16];
/// 16-bit images whose largest value has so many bits may have come from a camera or scanner that gives no more.
const UNUSED: u8 = 14;
/// Up to here, float values over 1 are an excess of light rather than another scale.
const EXCESS: f32 = 2.0;

/// 8-bit RGB, with what is transparent on a plain background.
pub(super) fn plain(image: DynamicImage, options: DecodeOptions, warnings: &mut Vec<String>) -> RgbImage {
    let image = shallow(image, options.depth, warnings);
    if image.color().has_alpha() { opaque(&image.into_rgba8(), options.alpha, warnings) } else { image.into_rgb8() }
}

/// The image without its transparency.
fn opaque(image: &RgbaImage, alpha: Option<Alpha>, warnings: &mut Vec<String>) -> RgbImage {
    let pixels = image.pixels().len();
    let transparent = image.pixels().filter(|pixel| pixel.0[3] < u8::MAX).count();
    if transparent > 0 && alpha.is_none() {
        warnings.push(format!(
            "{} of its pixels are wholly or partly transparent, laid on white; --alpha drop keeps their colours, as Pillow does",
            share(transparent as f32 / pixels.max(1) as f32)
        ));
    }
    let background = match alpha {
        None | Some(Alpha::White) => u8::MAX,
        Some(Alpha::Black) => 0,
        Some(Alpha::Drop) => return DynamicImage::ImageRgba8(image.clone()).into_rgb8(),
    };
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, alpha] = image.get_pixel(x, y).0;
        let mix = |value: u8| {
            let sum = u32::from(value) * u32::from(alpha) + u32::from(background) * u32::from(255 - alpha);
            ((sum + 127) / 255) as u8
        };
        Rgb([mix(r), mix(g), mix(b)])
    })
}

/// The image with 8 bits a channel.
fn shallow(image: DynamicImage, depth: Option<Depth>, warnings: &mut Vec<String>) -> DynamicImage {
    match image {
        DynamicImage::ImageLuma16(image) => {
            let scale = of_integers(&image, 1, depth, warnings);
            DynamicImage::ImageLuma8(converted(&image, |Luma([v])| Luma([scale.apply(v.into())])))
        }
        DynamicImage::ImageLumaA16(image) => {
            let scale = of_integers(&image, 1, depth, warnings);
            DynamicImage::ImageLumaA8(converted(&image, |LumaA([v, a])| LumaA([scale.apply(v.into()), opacity(a)])))
        }
        DynamicImage::ImageRgb16(image) => {
            let scale = of_integers(&image, 3, depth, warnings);
            DynamicImage::ImageRgb8(converted(&image, |Rgb(v)| Rgb(v.map(|v| scale.apply(v.into())))))
        }
        DynamicImage::ImageRgba16(image) => {
            let scale = of_integers(&image, 3, depth, warnings);
            let pixel = |Rgba([r, g, b, a])| {
                let [r, g, b] = [r, g, b].map(|v: u16| scale.apply(v.into()));
                Rgba([r, g, b, opacity(a)])
            };
            DynamicImage::ImageRgba8(converted(&image, pixel))
        }
        DynamicImage::ImageRgb32F(image) => {
            let scale = of_floats(image.as_raw().iter().copied(), depth, warnings);
            DynamicImage::ImageRgb8(converted(&image, |Rgb(v)| Rgb(v.map(|v| scale.apply(v)))))
        }
        DynamicImage::ImageRgba32F(image) => {
            let colours = image.pixels().flat_map(|pixel| [pixel.0[0], pixel.0[1], pixel.0[2]]);
            let scale = of_floats(colours, depth, warnings);
            let pixel = |Rgba([r, g, b, a]): Rgba<f32>| {
                let [r, g, b] = [r, g, b].map(|v| scale.apply(v));
                Rgba([r, g, b, Scale { white: 1.0 }.apply(a)])
            };
            DynamicImage::ImageRgba8(converted(&image, pixel))
        }
        shallow => shallow,
    }
}

/// The value that becomes white.
#[derive(Clone, Copy)]
struct Scale {
    white: f32,
}

impl Scale {
    fn bits(bits: u8) -> Scale {
        Scale { white: largest(bits) }
    }

    /// The 8-bit value nearest to one; black for what is no number.
    fn apply(self, value: f32) -> u8 {
        (255.0 * value / self.white).round().clamp(0.0, 255.0) as u8
    }
}

fn opacity(alpha: u16) -> u8 {
    Scale::bits(16).apply(alpha.into())
}

/// The largest value of so many bits.
fn largest(bits: u8) -> f32 {
    ((1_u32 << bits) - 1) as f32
}

/// The fewest bits that hold a value.
fn fewest(value: f32) -> Option<u8> {
    DEPTHS.into_iter().find(|bits| value <= largest(*bits))
}

/// The scale of 16-bit pixels, of which the first `colours` channels are no alpha.
fn of_integers<P>(
    image: &ImageBuffer<P, Vec<u16>>,
    colours: usize,
    depth: Option<Depth>,
    warnings: &mut Vec<String>,
) -> Scale
where
    P: image::Pixel<Subpixel = u16>,
{
    let values = image.pixels().flat_map(|pixel| &pixel.channels()[..colours]);
    let most = f32::from(values.copied().max().unwrap_or(0));
    match depth {
        Some(Depth::Auto) => Scale::bits(fewest(most).unwrap_or(16)),
        Some(Depth::Bits(bits)) => {
            clipped(most, bits, warnings);
            Scale::bits(bits)
        }
        None => {
            let part = most / largest(16);
            if 0.0 < most && most <= largest(UNUSED) {
                let bits = fewest(most).unwrap_or(UNUSED).min(UNUSED);
                let remedy = format!("--depth {bits} makes {} white", largest(bits));
                warnings.push(format!(
                    "it uses {} of the range of its 16 bits (the largest value is {most}) and is dark to the model; {remedy}",
                    share(part)
                ));
            }
            Scale::bits(16)
        }
    }
}

/// The scale of float values.
fn of_floats(values: impl Iterator<Item = f32>, depth: Option<Depth>, warnings: &mut Vec<String>) -> Scale {
    let (mut least, mut most, mut all_finite) = (0.0_f32, 0.0_f32, true);
    for value in values {
        all_finite &= value.is_finite();
        if value.is_finite() {
            (least, most) = (least.min(value), most.max(value));
        }
    }
    if least < 0.0 {
        warnings.push(format!("its float values reach down to {least}: those below 0 became black"));
    }
    if !all_finite {
        warnings.push("some of its float values are not finite: infinity became white, and NaN black".into());
    }
    let fitting = || fewest(most).map_or(Scale { white: most }, Scale::bits);
    match depth {
        Some(Depth::Bits(bits)) => {
            clipped(most, bits, warnings);
            Scale::bits(bits)
        }
        _ if most <= 1.0 => Scale { white: 1.0 },
        Some(Depth::Auto) => fitting(),
        None if most <= EXCESS => {
            warnings.push(format!("its float values reach {most}: those over 1 became white"));
            Scale { white: 1.0 }
        }
        None => {
            let Scale { white } = fitting();
            warnings.push(format!(
                "its float values reach {most}, beyond the range of 0 to 1: they were taken for 0 to {white}; --depth says \
                 how many bits they had"
            ));
            Scale { white }
        }
    }
}

fn clipped(most: f32, bits: u8, warnings: &mut Vec<String>) {
    if most > largest(bits) {
        warnings.push(format!(
            "its values reach {most}, more than {bits} bits hold: those over {} became white",
            largest(bits)
        ));
    }
}

/// A share in words, never 0 % of something.
fn share(part: f32) -> String {
    match 100.0 * part {
        percent if percent < 1.0 => "less than 1 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}

/// Every pixel converted.
fn converted<P, Q>(image: &ImageBuffer<P, Vec<P::Subpixel>>, pixel: impl Fn(P) -> Q) -> ImageBuffer<Q, Vec<Q::Subpixel>>
where
    P: image::Pixel,
    Q: image::Pixel,
{
    ImageBuffer::from_fn(image.width(), image.height(), |x, y| pixel(*image.get_pixel(x, y)))
}
