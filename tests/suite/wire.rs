//! What goes over the line to a terminal that keeps pictures: how they look there, how large they are, and that nobody waits for
//! one that is not wanted any more.

use std::sync::Arc;

use image::{Rgb, RgbImage};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use seewhy::raster::{Colormap, Composition, Heat, Map, Region, Sign};
use seewhy::term::{Canvas, CellSize, Encoded, Facts, Graphics, Part, Protocol, Quality, Reply, Wishes, decide};

use crate::support::kitty::Kitty;

const CELL: CellSize = CellSize { width: 10, height: 19 };
/// The cells of a picture of 3:2 on a screen of 120x36.
const AREA: Rect = Rect { x: 2, y: 1, width: 60, height: 21 };

fn kitty() -> Graphics {
    let replies = vec![
        Reply::Version("kitty(0.41.1)".to_owned()),
        Reply::CellPixels { width: CELL.width, height: CELL.height },
        Reply::DeviceAttributes(vec![62]),
    ];
    let graphics = decide(&Facts { replies, ..Facts::default() }, Wishes::default());
    assert!(graphics.protocol == Protocol::Kitty && graphics.children);
    graphics
}

/// Something like a photograph: slow changes, edges, and grain.
fn photograph() -> RgbImage {
    let mut noise = 1_u32;
    RgbImage::from_fn(500, 333, |x, y| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = (noise >> 24) as f32 / 16.0 - 8.0;
        let (u, v) = (x as f32 / 500.0, y as f32 / 333.0);
        let is_thing = (u - 0.5).powi(2) + (v - 0.6).powi(2) < 0.04;
        let colour = if is_thing {
            [210.0, 150.0 - 90.0 * u, 40.0]
        } else {
            [40.0 + 90.0 * v, 90.0 + 120.0 * u, 200.0 - 150.0 * v]
        };
        let leaf = if (x / 23 + y / 31) % 3 == 0 { 0.6 } else { 1.0 };
        Rgb(colour.map(|level| (level * leaf + grain).clamp(0.0, 255.0) as u8))
    })
}

/// Heat over the middle of it, as a small grid gives it.
fn explained(sign: Sign) -> Composition {
    let value = |(y, x): (usize, usize)| {
        let hot = (-((y as f32 - 3.0).powi(2) + (x as f32 - 2.0).powi(2)) / 3.0).exp();
        if sign == Sign::Signed { 2.0 * hot - 0.6 } else { hot }
    };
    let heat = Heat {
        map: Arc::new(Map::from_shape_fn((6, 6), value)),
        sign,
        region: Region { x: 104.3, y: 20.9, width: 291.4, height: 291.4 },
        colormap: Colormap::default(),
        opacity: 0.6,
    };
    Composition { base: Arc::new(photograph()), show_base: true, heat: Some(heat), superpixels: None, boxes: vec![] }
}

fn encoded(composition: &Composition, part: Part, quality: Quality) -> Arc<Encoded> {
    Arc::new(kitty().encode(composition, part, AREA.as_size(), quality).unwrap())
}

/// One frame with these parts, which are sent first where they have to be: the bytes of the pieces, and of the frame.
fn frame(canvas: &mut Canvas, terminal: &mut Kitty, parts: &[Arc<Encoded>]) -> (Buffer, usize, usize) {
    canvas.begin_wanting();
    parts.iter().for_each(|part| canvas.want(AREA, part));
    let pieces = canvas.all_pieces();
    terminal.take(&pieces);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 66, 24));
    canvas.stage(&mut buffer, AREA, parts);
    let frame = canvas.before() + &canvas.after();
    terminal.take(&frame);
    (buffer, pieces.len(), frame.len())
}

/// What the terminal shows in the picture's cells.
fn seen(terminal: &Kitty, buffer: &Buffer) -> RgbImage {
    let (width, height) = (u32::from(CELL.width), u32::from(CELL.height));
    let screen = terminal.render(buffer, (width, height));
    let (x, y) = (u32::from(AREA.x) * width, u32::from(AREA.y) * height);
    let (w, h) = (u32::from(AREA.width) * width, u32::from(AREA.height) * height);
    image::imageops::crop_imm(&screen, x, y, w, h).to_image()
}

/// The mean difference of the channels, after squares of 8x8 pixels are averaged.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let (columns, rows) = (a.width() / 8, a.height() / 8);
    let mean = |image: &RgbImage, x: u32, y: u32, channel: usize| {
        let pixels = (0..64).map(|at| f64::from(image.get_pixel(8 * x + at % 8, 8 * y + at / 8)[channel]));
        pixels.sum::<f64>() / 64.0
    };
    let squares = (0..columns).flat_map(|x| (0..rows).map(move |y| (x, y)));
    let sum: f64 = squares
        .flat_map(|(x, y)| (0..3).map(move |channel| (x, y, channel)))
        .map(|(x, y, channel)| (mean(a, x, y, channel) - mean(b, x, y, channel)).abs())
        .sum();
    sum / f64::from(3 * columns * rows)
}

#[test]
fn kittys_linear_light_gives_the_picture_that_is_written_to_files() {
    for sign in [Sign::Positive, Sign::Signed] {
        let composition = explained(sign);
        let file = composition.render(600, 399);
        for quality in [Quality::Sharp, Quality::Fair, Quality::Coarse] {
            let parts = [encoded(&composition, Part::Base, quality), encoded(&composition, Part::Over, quality)];
            let (mut canvas, mut terminal) = (Canvas::new(&kitty()), Kitty::default());
            let (buffer, ..) = frame(&mut canvas, &mut terminal, &parts);
            let far = difference(&seen(&terminal, &buffer), &file);
            assert!(far < 4.0, "{sign:?} {quality:?}: {far:.2} of 255");
        }
    }
}

#[test]
fn heat_alone_looks_like_its_file_too() {
    let composition = Composition { show_base: false, ..explained(Sign::Positive) };
    let over = encoded(&composition, Part::Over, Quality::Sharp);
    assert!(over.bytes() < 4_600, "{} bytes", over.bytes());
    let (mut canvas, mut terminal) = (Canvas::new(&kitty()), Kitty::default());
    let (buffer, ..) = frame(&mut canvas, &mut terminal, &[over]);
    let far = difference(&seen(&terminal, &buffer), &composition.render(600, 399));
    assert!(far < 2.0, "{far:.2} of 255");
}

#[test]
fn edges_are_where_they_belong_and_there_is_no_rim() {
    let mut composition = explained(Sign::Positive);
    composition.base = Arc::new(RgbImage::from_pixel(500, 333, Rgb([180; 3])));
    composition.heat.as_mut().unwrap().map = Arc::new(Map::from_elem((6, 6), 0.8));
    let parts = [encoded(&composition, Part::Base, Quality::Coarse), encoded(&composition, Part::Over, Quality::Sharp)];
    let (mut canvas, mut terminal) = (Canvas::new(&kitty()), Kitty::default());
    let (buffer, ..) = frame(&mut canvas, &mut terminal, &parts);
    let (shown, file) = (seen(&terminal, &buffer), composition.render(600, 399));
    let mut inside = 0;
    for (x, y, pixel) in shown.enumerate_pixels() {
        let wanted = file.get_pixel(x, y);
        let is_near = |(a, b): (u8, u8)| a.abs_diff(b) <= 12;
        assert!(pixel.0.into_iter().zip(wanted.0).all(is_near), "{pixel:?} at {x}, {y}, where {wanted:?} is written");
        inside += usize::from(wanted[0] > wanted[2] + 40);
    }
    assert!((100_000..140_000).contains(&inside), "{inside} pixels of heat");
}

#[test]
fn a_picture_and_its_heat_are_small_and_showing_them_again_is_nothing() {
    // Grain everywhere is the hardest to make small.
    let mut noise = 7_u32;
    let mut noisy = explained(Sign::Positive);
    noisy.base = Arc::new(RgbImage::from_fn(500, 333, |_, _| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([(noise >> 24) as u8, (noise >> 16) as u8, (noise >> 20) as u8])
    }));
    for composition in [explained(Sign::Positive), noisy] {
        let over = encoded(&composition, Part::Over, Quality::Sharp);
        let [coarse, fair] = [Quality::Coarse, Quality::Fair].map(|quality| encoded(&composition, Part::Base, quality));
        let first = coarse.bytes() + over.bytes();
        assert!(first < 32_000, "{} bytes and {} of heat before text", coarse.bytes(), over.bytes());
        assert!(first + fair.bytes() < 95_000, "{} bytes more", fair.bytes());
        assert!(coarse.is_reduced() && fair.is_reduced());

        let (mut canvas, mut terminal) = (Canvas::new(&kitty()), Kitty::default());
        frame(&mut canvas, &mut terminal, &[Arc::clone(&fair), Arc::clone(&over)]);
        assert_eq!(terminal.shown(), 3, "picture, heat, and the frame around the heat");
        let (_, sent, hidden) = frame(&mut canvas, &mut terminal, &[Arc::clone(&fair)]);
        assert!(sent == 0 && hidden < 100 && terminal.shown() == 1, "{sent} {hidden}");
        let (_, sent, shown) = frame(&mut canvas, &mut terminal, &[fair, over]);
        assert!(sent == 0 && shown < 200 && terminal.shown() == 3, "{sent} {shown}");
    }
}

#[test]
fn a_small_picture_is_sent_once_as_it_is() {
    let base = Arc::new(RgbImage::from_fn(32, 32, |x, y| Rgb([(7 * x) as u8, (8 * y) as u8, 99])));
    let composition = Composition { base, show_base: true, heat: None, superpixels: None, boxes: vec![] };
    assert!(!encoded(&composition, Part::Base, Quality::Coarse).is_reduced());
}

#[test]
fn two_places_of_one_picture_cost_one_transfer() {
    let graphics = kitty();
    let base = encoded(&explained(Sign::Positive), Part::Base, Quality::Coarse);
    let (mut canvas, mut terminal) = (Canvas::new(&graphics), Kitty::default());
    frame(&mut canvas, &mut terminal, &[Arc::clone(&base)]);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 66, 24));
    for area in [Rect::new(0, 3, 30, 10), Rect::new(32, 3, 30, 10)] {
        assert!(canvas.holds(area, &base), "whatever its size");
        canvas.stage(&mut buffer, area, &[Arc::clone(&base)]);
    }
    let text = canvas.before() + &canvas.after();
    terminal.take(&text);
    assert!(terminal.shown() == 2 && text.len() < 250, "{} bytes", text.len());
}

#[test]
fn a_picture_that_nobody_waits_for_is_given_up() {
    let graphics = kitty();
    let (mut canvas, mut terminal) = (Canvas::new(&graphics), Kitty::default());
    let [stale, wanted] = [0, 1].map(|_| encoded(&explained(Sign::Positive), Part::Base, Quality::Fair));
    canvas.want(AREA, &stale);
    for _ in 0..3 {
        terminal.take(&canvas.piece().unwrap().bytes);
    }
    assert!(terminal.is_loading());
    // The next frame is about another picture.
    canvas.begin_wanting();
    canvas.want(AREA, &wanted);
    let mut pieces = 0;
    while let Some(piece) = canvas.piece() {
        assert!(piece.bytes.len() < 4_200, "keys are read between pieces");
        terminal.take(&piece.bytes);
        pieces += 1;
    }
    assert!(canvas.holds(AREA, &wanted) && !canvas.holds(AREA, &stale));
    assert_eq!(terminal.images.len(), 1, "the one that was given up is gone");
    assert!(pieces > 10, "{pieces} pieces");
}

#[test]
fn hiding_heat_does_not_wait_for_a_transfer_either() {
    let graphics = kitty();
    let composition = explained(Sign::Positive);
    let parts = [encoded(&composition, Part::Base, Quality::Coarse), encoded(&composition, Part::Over, Quality::Sharp)];
    let (mut canvas, mut terminal) = (Canvas::new(&graphics), Kitty::default());
    frame(&mut canvas, &mut terminal, &parts);
    let sharper = encoded(&composition, Part::Base, Quality::Fair);
    canvas.begin_wanting();
    canvas.want(AREA, &sharper);
    terminal.take(&canvas.piece().unwrap().bytes);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 66, 24));
    canvas.stage(&mut buffer, AREA, &parts[..1]);
    // The terminal would complain of a command in the middle of a transfer.
    terminal.take(&(canvas.before() + &canvas.after()));
    assert_eq!(terminal.shown(), 1);
    terminal.take(&canvas.all_pieces());
    assert!(canvas.holds(AREA, &sharper), "it begins anew");
}

#[test]
fn pixels_at_the_cursor_come_in_pieces_and_can_be_cut_short() {
    let facts = Facts { replies: vec![Reply::CellPixels { width: 10, height: 20 }], ..Facts::default() };
    for protocol in [Protocol::Sixel, Protocol::Iterm2] {
        let graphics = decide(&facts, Wishes { protocol: Some(protocol), cell: None });
        let picture =
            |size| Arc::new(graphics.encode(&explained(Sign::Positive), Part::Whole, size, Quality::Sharp).unwrap());
        let picture = picture(Size::new(30, 10));
        let area = Rect::new(1, 1, 30, 10);
        let mut canvas = Canvas::new(&graphics);
        let stage = |canvas: &mut Canvas| {
            canvas.stage(&mut Buffer::empty(Rect::new(0, 0, 40, 20)), area, &[Arc::clone(&picture)]);
            canvas.before() + &canvas.after()
        };
        stage(&mut canvas);
        let first = canvas.piece().unwrap();
        assert!(
            !first.is_closed && canvas.is_drawing() && first.bytes.starts_with("\x1b[?2026h\x1b[2;2H\x1b"),
            "{protocol}"
        );
        assert_eq!(
            canvas.give_up(),
            "\x1b\\\x1b[?2026l",
            "{protocol}: the sequence ends before something else is written"
        );
        assert!(!canvas.is_drawing());
        // A part of it is on the screen at most: it is drawn anew.
        stage(&mut canvas);
        let all = canvas.all_pieces();
        assert!(all.len() > 10_000, "{protocol}");
        stage(&mut canvas);
        assert_eq!(canvas.all_pieces(), "", "{protocol}: it is there");
    }
}
