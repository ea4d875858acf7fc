//! What the terminal says, and what is concluded from it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use image::{DynamicImage, Rgb, RgbImage, Rgba};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::Color;
use seewhy::raster::{Colormap, Composition, Heat, Map, Region, Sign};
use seewhy::term::input::{Decoder, Input};
use seewhy::term::{
    Canvas, CellSize, Encoded, Environment, Facts, Graphics, Part, Protocol, Quality, Reply, Tmux, Wishes, decide,
};

use crate::support::kitty::Kitty;

fn key(code: KeyCode, modifiers: KeyModifiers) -> Input {
    Input::Event(Event::Key(KeyEvent::new(code, modifiers)))
}

fn letter(c: char) -> Input {
    key(KeyCode::Char(c), KeyModifiers::NONE)
}

/// All that these bytes mean when nothing follows.
fn decode(bytes: &[u8]) -> Vec<Input> {
    let mut decoder = Decoder::default();
    let mut inputs = decoder.feed(bytes);
    inputs.extend(decoder.timeout());
    assert!(!decoder.is_pending(), "{bytes:?} left something behind");
    inputs
}

#[test]
fn keys_are_what_the_user_pressed() {
    let (none, shift, alt, control) =
        (KeyModifiers::NONE, KeyModifiers::SHIFT, KeyModifiers::ALT, KeyModifiers::CONTROL);
    let cases: &[(&str, KeyCode, KeyModifiers)] = &[
        ("j", KeyCode::Char('j'), none),
        ("G", KeyCode::Char('G'), shift),
        ("é", KeyCode::Char('é'), none),
        ("猫", KeyCode::Char('猫'), none),
        ("\r", KeyCode::Enter, none),
        ("\t", KeyCode::Tab, none),
        ("\x7f", KeyCode::Backspace, none),
        ("\x03", KeyCode::Char('c'), control),
        ("\x1a", KeyCode::Char('z'), control),
        ("\x1b", KeyCode::Esc, none),
        ("\x1bx", KeyCode::Char('x'), alt),
        ("\x1b_", KeyCode::Char('_'), alt),
        ("\x1bP", KeyCode::Char('P'), alt | shift),
        ("\x1b[", KeyCode::Char('['), alt),
        ("\x1b[A", KeyCode::Up, none),
        ("\x1bOB", KeyCode::Down, none),
        ("\x1b[1;5C", KeyCode::Right, control),
        ("\x1b[5~", KeyCode::PageUp, none),
        ("\x1b[H", KeyCode::Home, none),
        ("\x1b[4~", KeyCode::End, none),
        ("\x1bOP", KeyCode::F(1), none),
        ("\x1b[24~", KeyCode::F(12), none),
        ("\x1b[Z", KeyCode::BackTab, shift),
        ("\x1b[97;5u", KeyCode::Char('a'), control),
    ];
    for (bytes, code, modifiers) in cases {
        assert_eq!(decode(bytes.as_bytes()), [key(*code, *modifiers)], "{bytes:?}");
    }
}

#[test]
fn replies_are_never_key_presses_however_they_are_split() {
    let stream = b"a\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.41.1)\x1b\\\x1b[6;20;9t\x1b[4;480;720t\x1b[?62;4;22c\x1b[?1;0;256S\x1b[0nq";
    let expected = vec![
        letter('a'),
        Input::Reply(Reply::KittyGraphics { id: 31, ok: true }),
        Input::Reply(Reply::Version("kitty(0.41.1)".to_owned())),
        Input::Reply(Reply::CellPixels { width: 9, height: 20 }),
        Input::Reply(Reply::TextAreaPixels { width: 720, height: 480 }),
        Input::Reply(Reply::DeviceAttributes(vec![62, 4, 22])),
        Input::Reply(Reply::SixelColours(256)),
        Input::Reply(Reply::Status),
        letter('q'),
    ];
    assert_eq!(decode(stream), expected);
    for size in 1..8 {
        let mut decoder = Decoder::default();
        let inputs: Vec<Input> = stream.chunks(size).flat_map(|chunk| decoder.feed(chunk)).collect();
        assert_eq!(inputs, expected, "in pieces of {size}");
    }
}

#[test]
fn a_torn_or_hostile_reply_is_dropped_and_the_keys_after_it_count() {
    let unknown = Input::Reply(Reply::Unknown);
    for torn in ["\x1b_Gi=31;OK", "\x1bP>|kitty"] {
        assert_eq!(decode(torn.as_bytes()), std::slice::from_ref(&unknown), "{torn:?} has no end");
    }
    assert_eq!(decode(b"\x1b]52;c;cXVpdA==\x07j"), [unknown.clone(), letter('j')], "a clipboard nobody asked for");
    assert_eq!(decode(b"\x1b[6;99999999;1tj"), [unknown.clone(), letter('j')], "a size that no number holds");
    assert_eq!(decode(b"\x1b[6;0;0tj"), [unknown, letter('j')]);
    assert_eq!(decode(b"\x1b[12\x1b[Aj"), [key(KeyCode::Up, KeyModifiers::NONE), letter('j')]);
    assert_eq!(decode(b"\xff\xfe\xc3j"), [letter('j')], "not UTF-8");
    let reply = decode(b"\x1bP>|evil\x07\x01 name\x1b\\");
    assert_eq!(reply, [Input::Reply(Reply::Version("evil name".to_owned()))], "control characters are not shown");
    let mut decoder = Decoder::default();
    let flood = [b"\x1b_G".to_vec(), vec![b'q'; 1 << 20]].concat();
    let inputs: Vec<Input> = flood.chunks(4096).flat_map(|chunk| decoder.feed(chunk)).collect();
    assert!(inputs.len() < flood.len(), "a reply without end is not kept for ever");
}

#[test]
fn clicks_wheel_and_paste_come_through() {
    let mouse =
        |kind, column, row| Input::Event(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    assert_eq!(decode(b"\x1b[<0;11;5M"), [mouse(MouseEventKind::Down(MouseButton::Left), 10, 4)]);
    assert_eq!(decode(b"\x1b[<0;11;5m"), [mouse(MouseEventKind::Up(MouseButton::Left), 10, 4)]);
    assert_eq!(decode(b"\x1b[<64;300;1M"), [mouse(MouseEventKind::ScrollUp, 299, 0)]);
    assert_eq!(decode(b"\x1b[<65;1;1M"), [mouse(MouseEventKind::ScrollDown, 0, 0)]);
    assert_eq!(decode(b"\x1b[<0;0;0M"), [], "cells count from 1");
    assert_eq!(decode(b"\x1b[200~q\nq\x1b[201~j"), [Input::Event(Event::Paste("q\nq".to_owned())), letter('j')]);
}

/// A terminal that names itself and lists attributes.
fn terminal(version: &str, attributes: &[u16]) -> Facts {
    let mut replies = Vec::new();
    if !version.is_empty() {
        replies.push(Reply::Version(version.to_owned()));
    }
    replies.push(Reply::CellPixels { width: 9, height: 18 });
    replies.push(Reply::DeviceAttributes(attributes.to_vec()));
    Facts { replies, ..silent() }
}

/// A terminal that says nothing, in a usual locale.
fn silent() -> Facts {
    let environment = Environment { locale: "LANG=C.UTF-8".to_owned(), ..Environment::default() };
    Facts { environment, ..Facts::default() }
}

fn in_tmux(mut facts: Facts, outer: &str, features: &str, passthrough: bool) -> Facts {
    facts.environment.tmux = true;
    facts.tmux = Some(Tmux { passthrough, outer: outer.to_owned(), features: features.to_owned(), ..Tmux::default() });
    facts
}

fn with_kitty_answer(mut facts: Facts) -> Facts {
    facts.replies.insert(0, Reply::KittyGraphics { id: 31, ok: true });
    facts
}

fn with_environment(mut facts: Facts, set: impl Fn(&mut Environment)) -> Facts {
    set(&mut facts.environment);
    facts
}

#[test]
fn the_protocol_fits_the_terminal() {
    let tmux = || terminal("tmux 3.5a", &[1, 2, 4]);
    let cases: Vec<(&str, Facts, Protocol)> = vec![
        ("kitty", with_kitty_answer(terminal("kitty(0.41.1)", &[62])), Protocol::Kitty),
        ("the first with placeholders", terminal("kitty(0.28.0)", &[62]), Protocol::Kitty),
        ("Debian 12's kitty", with_kitty_answer(terminal("kitty(0.26.5)", &[62])), Protocol::Sextants),
        ("Ghostty", with_kitty_answer(terminal("ghostty 1.1.3", &[62, 22])), Protocol::Kitty),
        ("iTerm2", with_kitty_answer(terminal("iTerm2 3.5.11", &[64, 4])), Protocol::Iterm2),
        ("WezTerm", with_kitty_answer(terminal("WezTerm 20240203-110809", &[65, 4])), Protocol::Iterm2),
        ("Konsole", terminal("Konsole 24.08.1", &[62, 4]), Protocol::Iterm2),
        ("xterm as VT340", terminal("XTerm(379)", &[63, 1, 2, 4, 6]), Protocol::Sixel),
        ("xterm", terminal("XTerm(379)", &[64, 1, 2, 6]), Protocol::Halfblocks),
        ("foot", terminal("foot(1.21.0)", &[62, 4, 22]), Protocol::Sixel),
        ("xterm.js answers OK and draws sixels", with_kitty_answer(terminal("", &[62, 4])), Protocol::Sixel),
        ("an unknown terminal that answers OK", with_kitty_answer(terminal("zellij", &[62])), Protocol::Halfblocks),
        ("nobody answers", silent(), Protocol::Halfblocks),
        ("tmux in kitty claims sixel", in_tmux(tmux(), "kitty(0.41.1)", "256,RGB,sixel", true), Protocol::Kitty),
        ("without passthrough", in_tmux(tmux(), "kitty(0.41.1)", "256,RGB", false), Protocol::Sextants),
        ("tmux that draws sixels", in_tmux(tmux(), "XTerm(398)", "256,sixel", false), Protocol::Sixel),
        ("tmux in a plain xterm", in_tmux(tmux(), "XTerm(398)", "256", true), Protocol::Halfblocks),
        ("tmux in an old kitty", in_tmux(tmux(), "kitty(0.26.5)", "256", true), Protocol::Sextants),
        (
            "tmux gone",
            with_environment(terminal("tmux 3.5a", &[1, 4]), |environment| environment.tmux = true),
            Protocol::Halfblocks,
        ),
        (
            "iTerm2 over SSH without an answer",
            with_environment(terminal("", &[62]), |environment| environment.lc_terminal = "iTerm2".to_owned()),
            Protocol::Iterm2,
        ),
        ("dumb", with_environment(silent(), |e| e.term = "dumb".to_owned()), Protocol::None),
        ("half-blocks are colours", with_environment(silent(), |e| e.no_color = true), Protocol::None),
        (
            "pictures are not",
            with_environment(terminal("kitty(0.41.1)", &[62]), |e| e.no_color = true),
            Protocol::Kitty,
        ),
    ];
    for (name, facts, expected) in cases {
        let graphics = decide(&facts, Wishes::default());
        assert_eq!(graphics.protocol, expected, "{name}: {}", graphics.reason);
        assert!(!graphics.reason.is_empty(), "{name}: the status line says why");
        let forced = decide(&facts, Wishes { protocol: Some(Protocol::Sixel), cell: None });
        assert_eq!(forced.protocol, Protocol::Sixel, "{name}: --graphics decides");
    }
}

#[test]
fn wrappers_are_for_what_tmux_does_not_draw_itself() {
    let facts = |outer: &str, features: &str| in_tmux(terminal("tmux 3.5a", &[1, 4]), outer, features, true);
    assert!(decide(&facts("kitty(0.41.1)", "sixel"), Wishes::default()).wrapped);
    assert!(!decide(&facts("XTerm(398)", "sixel"), Wishes::default()).wrapped);
    assert!(!decide(&terminal("kitty(0.41.1)", &[]), Wishes::default()).wrapped);
}

#[test]
fn the_cell_size_is_the_terminals_own_before_the_systems() {
    let cell = |facts: &Facts| decide(facts, Wishes::default()).cell;
    let size = |width, height| CellSize { width, height };
    let mut facts = terminal("foot(1.21.0)", &[4]);
    facts.window = [80, 24, 640, 480];
    assert_eq!(cell(&facts), size(9, 18));
    facts.replies[1] = Reply::TextAreaPixels { width: 800, height: 480 };
    assert_eq!(cell(&facts), size(10, 20));
    facts.replies.remove(1);
    let guess = decide(&facts, Wishes::default());
    assert_eq!((guess.cell, guess.protocol), (CellSize::GUESS, Protocol::Sextants), "640x480 is what OpenSSH invents");
    facts.window = [80, 24, 720, 432];
    assert_eq!(cell(&facts), size(9, 18));
    let told = decide(&facts, Wishes { protocol: None, cell: Some(size(7, 13)) });
    assert_eq!(told.cell, size(7, 13));
}

/// A picture whose left half is red and whose right half is blue.
fn halves(heat: bool) -> Composition {
    let base = RgbImage::from_fn(80, 80, |x, _| if x < 40 { Rgb([200, 0, 0]) } else { Rgb([0, 0, 200]) });
    let heat = heat.then(|| Heat {
        map: Arc::new(Map::from_elem((7, 7), 1.0)),
        sign: Sign::Positive,
        region: Region::whole(80, 80),
        colormap: Colormap::default(),
        opacity: 0.5,
    });
    Composition { base: Arc::new(base), show_base: true, heat, superpixels: None, boxes: vec![] }
}

/// Draws one frame with the picture in it: what goes before the cells, the cells, and what goes after.
fn frame(canvas: &mut Canvas, parts: &[Arc<Encoded>]) -> (String, Buffer, String) {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 10));
    let area = Rect::new(2, 1, 8, 4);
    canvas.begin_wanting();
    parts.iter().for_each(|part| canvas.want(area, part));
    let sent = canvas.all_pieces();
    canvas.stage(&mut buffer, area, parts);
    let before = sent + &canvas.before();
    let after = canvas.after() + &canvas.all_pieces();
    (before, buffer, after)
}

fn encoded(graphics: &Graphics, composition: &Composition, part: Part) -> Arc<Encoded> {
    Arc::new(graphics.encode(composition, part, Size::new(8, 4), Quality::Sharp).unwrap())
}

/// The last image that is sent to kitty in `text`.
fn kittys_image(text: &str) -> DynamicImage {
    let commands = text.split("\x1b_G").filter_map(|command| command.trim_end_matches("\x1b\\").split_once(';'));
    let data = commands
        .fold(String::new(), |data, (keys, more)| if keys.contains("f=100") { more.to_owned() } else { data + more });
    image::load_from_memory(&STANDARD.decode(data).unwrap()).unwrap()
}

/// Red on the left, blue on the right.
fn assert_halves(image: &DynamicImage) {
    let image = image.to_rgb8();
    let (width, height) = image.dimensions();
    assert!(image.get_pixel(width / 8, height / 2)[0] > 180 && image.get_pixel(width / 8, height / 2)[2] < 20);
    assert!(image.get_pixel(width * 7 / 8, height / 2)[2] > 180 && image.get_pixel(width * 7 / 8, height / 2)[0] < 20);
}

#[test]
fn kitty_gets_a_picture_once_and_heat_is_shown_and_hidden_in_a_few_bytes() {
    let graphics = decide(&terminal("kitty(0.41.1)", &[62]), Wishes::default());
    let composition = halves(true);
    let base = encoded(&graphics, &composition, Part::Base);
    let heat = encoded(&graphics, &composition, Part::Over);
    let mut canvas = Canvas::new(&graphics);

    let (before, buffer, shown) = frame(&mut canvas, &[Arc::clone(&base)]);
    let mut memory = Kitty::default();
    memory.take(&before);
    let (anchor, image) = memory.images.last_key_value().zip(memory.images.first_key_value()).unwrap();
    assert_halves(&image.1.clone().into());
    assert!(shown.contains(&format!("a=p,q=2,i={},", image.0)), "it is placed: {shown:?}");
    let [_, r, g, b] = anchor.0.to_be_bytes();
    assert!(buffer[(2, 1)].symbol().starts_with('\u{10eeee}'), "from a cell in its corner");
    assert_eq!(buffer[(2, 1)].fg, Color::Rgb(r, g, b), "whose colour is the id of an image that is not seen");
    assert!(anchor.1.pixels().all(|pixel| pixel[3] == 0));
    assert_eq!([buffer[(1, 1)].symbol(), buffer[(9, 4)].symbol()], [" ", " "], "no other cell is touched");

    let (sent, _, shown) = frame(&mut canvas, &[Arc::clone(&base), Arc::clone(&heat)]);
    assert!(sent.contains("a=t,f=100") && shown.contains("a=p,"), "heat is sent and laid over the picture");
    let (nothing, _, hidden) = frame(&mut canvas, &[Arc::clone(&base)]);
    assert!(nothing.is_empty() && hidden.contains("a=d,d=i,"), "{hidden:?}");
    let (nothing, _, shown) = frame(&mut canvas, &[Arc::clone(&base), heat]);
    assert!(nothing.is_empty() && shown.contains("a=p,") && shown.len() < 100, "{shown:?}");
    let id = image.0;
    assert!(canvas.farewell(&graphics).contains(&format!("a=d,d=I,q=2,i={id}\x1b")), "it is deleted at the end");

    canvas.forget(true);
    let (again, _, _) = frame(&mut canvas, &[base]);
    assert!(again.contains("a=t,f=100"), "what the terminal has forgotten is sent again");
}

#[test]
fn where_images_cannot_be_placed_by_others_each_cell_has_its_placeholder() {
    let graphics = decide(&terminal("ghostty 1.1.3", &[62]), Wishes::default());
    assert!(!graphics.children);
    let picture = encoded(&graphics, &halves(false), Part::Whole);
    let mut canvas = Canvas::new(&graphics);
    let (before, buffer, after) = frame(&mut canvas, &[Arc::clone(&picture)]);
    assert_halves(&kittys_image(&before));
    let id: u32 = before.split("i=").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    let [_, r, g, b] = id.to_be_bytes();
    for (x, y) in [(2, 1), (9, 4)] {
        assert!(buffer[(x, y)].symbol().starts_with('\u{10eeee}'), "the picture's corners are its own");
        assert_eq!(buffer[(x, y)].fg, Color::Rgb(r, g, b), "the colour is the id");
    }
    assert!(before.contains("a=T,U=1,p=1,c=8,r=4") && after.is_empty());
    assert_eq!(frame(&mut canvas, &[picture]).0, "", "it is there");
}

#[test]
fn no_pixel_of_a_gradient_map_is_lost_on_the_way_to_kitty() {
    let graphics = decide(&terminal("kitty(0.41.1)", &[62]), Wishes::default());
    // Noise under a point in every tenth cell, for or against.
    let map = Map::from_shape_fn((224, 224), |(y, x)| match (y % 10, x % 10) {
        (5, 5) => {
            if (x / 10 + y / 10) % 2 == 0 {
                1.0
            } else {
                -1.0
            }
        }
        _ => ((37 * x + 101 * y + x * y) % 61) as f32 / 300.0 - 0.1,
    });
    let heat = Some(Heat {
        map: Arc::new(map),
        sign: Sign::Signed,
        region: Region { x: 56.0, y: 0.0, width: 336.0, height: 336.0 },
        colormap: Colormap::default(),
        opacity: 1.0,
    });
    let composition = Composition {
        base: Arc::new(RgbImage::new(448, 336)),
        show_base: true,
        heat,
        superpixels: None,
        boxes: vec![],
    };
    let over = Arc::new(graphics.encode(&composition, Part::Over, Size::new(80, 30), Quality::Coarse).unwrap());
    assert!(over.bytes() < 100_000, "{} bytes", over.bytes());
    let mut canvas = Canvas::new(&graphics);
    canvas.want(Rect::new(0, 0, 80, 30), &over);
    let mut memory = Kitty::default();
    memory.take(&canvas.all_pieces());
    let points = |colour: usize, other: usize| {
        let is_point = |pixel: &&Rgba<u8>| pixel.0[3] == 255 && pixel.0[colour] > pixel.0[other].saturating_add(60);
        memory.images.first_key_value().unwrap().1.pixels().filter(is_point).count()
    };
    assert_eq!((points(0, 2), points(2, 0)), (242, 242));
}

#[test]
fn pixels_at_the_cursor_are_drawn_once_and_their_cells_left_alone() {
    for protocol in [Protocol::Sixel, Protocol::Iterm2] {
        let graphics = decide(&terminal("foot(1.21.0)", &[4]), Wishes { protocol: Some(protocol), cell: None });
        let picture = encoded(&graphics, &halves(false), Part::Whole);
        let mut canvas = Canvas::new(&graphics);
        let (before, _, after) = frame(&mut canvas, &[Arc::clone(&picture)]);
        assert_eq!(before, "");
        assert!(after.contains("\x1b[2;3H"), "it is drawn at its place");
        let (_, _, again) = frame(&mut canvas, &[picture]);
        assert_eq!(again, "", "{protocol}: it is there already");
        let (_, _, refined) = frame(&mut canvas, &[encoded(&graphics, &halves(true), Part::Whole)]);
        let is_erased = |text: &str| text.contains("\x1b[8X");
        assert!(
            is_erased(&after) && !is_erased(&refined),
            "{protocol}: one in the place of another covers it, no blank between"
        );
        if protocol == Protocol::Iterm2 {
            let data = after.split("doNotMoveCursor=1:").nth(1).unwrap().split('\x07').next().unwrap();
            let image = image::load_from_memory(&STANDARD.decode(data).unwrap()).unwrap();
            assert_eq!((image.width(), image.height()), (8 * 9, 4 * 18));
            assert_halves(&image);
        } else {
            // Raster attributes: the size in pixels; 72 is a whole number of bands of six.
            assert!(after.contains("\"1;1;72;72"), "a band never reaches into the row below");
        }
    }
}

#[test]
fn half_blocks_are_the_pictures_colours() {
    let facts = with_environment(silent(), |environment| environment.colorterm = "truecolor".to_owned());
    let graphics = decide(&facts, Wishes::default());
    let picture = encoded(&graphics, &halves(false), Part::Whole);
    let (before, buffer, after) = frame(&mut Canvas::new(&graphics), &[picture]);
    assert_eq!((before.as_str(), after.as_str()), ("", ""));
    assert_eq!(buffer[(2, 1)].bg, Color::Rgb(200, 0, 0));
    assert_eq!(buffer[(9, 4)].bg, Color::Rgb(0, 0, 200));
}
