//! `seewhy doctor`: what the terminal says of itself, and what follows from it.

use super::Ending;
use super::args::DoctorArgs;
use super::output::Output;
use crate::shell::{self, Findings};
use crate::term::{
    self, CellSize, CellSource, Charset, Colours, Facts, Graphics, Reply, cell_size, draws_blocks, terminal_name,
};
use crate::text::escape;

pub(super) fn run(args: &DoctorArgs) -> anyhow::Result<Ending> {
    let findings = shell::doctor(args.wishes())?;
    let mut output = Output::new();
    for (what, found) in report(&findings) {
        output.line(format!("{what:<12}{found}").trim_end())?;
    }
    Ok(Ending::Done)
}

/// The findings, a line each.
fn report(findings: &Findings) -> Vec<(&'static str, String)> {
    let Findings { facts, graphics, unasked, .. } = findings;
    let environment = &facts.environment;
    let known = |text: &str| if text.is_empty() { "not set".to_owned() } else { escape(text).into_owned() };
    let yes_or_no = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let name = terminal_name(facts);
    let mut lines = vec![
        ("terminal", if name.is_empty() { "does not say its name".to_owned() } else { escape(&name).into_owned() }),
        ("TERM", known(&environment.term)),
        ("tmux", tmux(facts)),
        ("ssh", yes_or_no(environment.ssh)),
        ("NO_COLOR", if environment.no_color { "set: text without colours" } else { "not set" }.to_owned()),
    ];
    if let Some(Graphics { colours, charset, .. }) = graphics.first() {
        let Colours { depth, reason } = colours;
        lines.push(("colours", format!("{}: {}", depth.name(), escape(reason))));
        let (_, reason) = term::charset(facts);
        let encoding = if *charset == Charset::Utf8 { "UTF-8" } else { "ASCII" };
        let blocks = match *charset {
            Charset::Ascii => "none",
            Charset::Utf8 if draws_blocks(&name) => "the terminal draws them itself",
            Charset::Utf8 => "the font draws them: --graphics quadrants or sextants, if it has them",
        };
        lines.push(("blocks", blocks.to_owned()));
        lines.push(("characters", format!("{encoding}: {}", escape(&reason))));
    }
    match unasked {
        Some(why) => lines.push(("answers", format!("not asked: {why}"))),
        None => lines.extend([("size", size(findings)), ("answers", answers(facts))]),
    }
    for (number, Graphics { protocol, reason, hint, .. }) in graphics.iter().enumerate() {
        let what = match number {
            0 => "pictures",
            1 => "also",
            _ => "",
        };
        lines.push((what, format!("{protocol}: {}", escape(reason))));
        lines.extend(hint.map(|hint| ("hint", hint.to_owned())));
    }
    lines
}

fn tmux(facts: &Facts) -> String {
    match &facts.tmux {
        Some(tmux) if tmux.passthrough => "yes, and it lets pictures through".to_owned(),
        Some(_) => "yes, but it does not let pictures through".to_owned(),
        None if facts.environment.tmux => "yes, but it does not answer".to_owned(),
        None => "no".to_owned(),
    }
}

/// The window in cells, and a cell in pixels.
fn size(findings: &Findings) -> String {
    let [columns, rows, ..] = findings.facts.window;
    let pixels = |cell: CellSize| format!("{}x{} pixels", cell.width, cell.height);
    let cell = match (findings.cell, cell_size(&findings.facts)) {
        (Some(cell), _) => format!("{}, as --cell says", pixels(cell)),
        (None, CellSource::Terminal(cell)) => format!("{}, as the terminal says", pixels(cell)),
        (None, CellSource::Window(cell)) => format!("{}, by what the terminal says of its window", pixels(cell)),
        (None, CellSource::System(cell)) => format!("{}, by what the system says of the window", pixels(cell)),
        (None, CellSource::Doubtful(cell)) => {
            format!("unknown size: {}, as they are said to have, can't be right; --cell WxH gives it", pixels(cell))
        }
        (None, CellSource::Unknown) => "unknown size; --cell WxH gives it".to_owned(),
    };
    format!("{columns}x{rows} cells of {cell}")
}

/// What the terminal answered about pictures.
fn answers(facts: &Facts) -> String {
    if facts.replies.is_empty() {
        return "none: it may be slow, or the connection swallows answers (mosh)".to_owned();
    }
    let kitty = facts.replies.iter().find_map(|reply| match reply {
        Reply::KittyGraphics { ok, .. } => Some(*ok),
        _ => None,
    });
    let sixel = facts.replies.iter().any(|reply| matches!(reply, Reply::DeviceAttributes(list) if list.contains(&4)));
    let colours = facts.replies.iter().find_map(|reply| match reply {
        Reply::SixelColours(count) => Some(format!(" in {count} colours")),
        _ => None,
    });
    let kitty = match kitty {
        Some(true) => "yes",
        Some(false) => "refused",
        None => "no answer",
    };
    let sixel = if sixel { format!("yes{}", colours.unwrap_or_default()) } else { "no".to_owned() };
    let whose = if facts.environment.tmux { " (tmux answers for the terminal)" } else { "" };
    format!("kitty graphics: {kitty}; sixel: {sixel}{whose}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::{Environment, Tmux, Wishes, candidates};

    fn lines(facts: Facts) -> Vec<String> {
        let graphics = candidates(&facts, Wishes::default());
        let findings = Findings { facts, graphics, cell: None, unasked: None };
        report(&findings).into_iter().map(|(what, found)| format!("{what}: {found}")).collect()
    }

    #[test]
    fn a_terminal_with_sixels_is_told_with_what_else_it_draws() {
        let replies = vec![
            Reply::Version("foot(1.21.0)".into()),
            Reply::CellPixels { width: 9, height: 18 },
            Reply::SixelColours(1024),
            Reply::DeviceAttributes(vec![62, 4, 22]),
        ];
        let locale = "LANG=en_GB.UTF-8".into();
        let environment = Environment { term: "foot".into(), ssh: true, locale, ..Environment::default() };
        let facts = Facts { replies, environment, tmux: None, window: [80, 24, 720, 432] };
        assert_eq!(
            lines(facts),
            [
                "terminal: foot(1.21.0)",
                "TERM: foot",
                "tmux: no",
                "ssh: yes",
                "NO_COLOR: not set",
                "colours: 24-bit: foot(1.21.0)",
                "blocks: the terminal draws them itself",
                "characters: UTF-8: LANG=en_GB.UTF-8",
                "size: 80x24 cells of 9x18 pixels, as the terminal says",
                "answers: kitty graphics: no answer; sixel: yes in 1024 colours",
                "pictures: sixel: foot(1.21.0) says that it draws them",
                "also: halfblocks: any terminal with colours draws them",
            ]
        );
    }

    #[test]
    fn tmux_that_lets_nothing_through_is_told_with_what_to_do() {
        let tmux = Tmux { outer: "kitty(0.41.1)".into(), features: "256".into(), ..Tmux::default() };
        let (term, locale) = ("tmux-256color".into(), "LC_ALL=C.UTF-8".into());
        let environment = Environment { term, locale, tmux: true, ..Environment::default() };
        let facts = Facts { tmux: Some(tmux), environment, window: [80, 24, 0, 0], ..Facts::default() };
        let lines = lines(facts);
        for line in [
            "terminal: kitty(0.41.1)",
            "tmux: yes, but it does not let pictures through",
            "size: 80x24 cells of unknown size; --cell WxH gives it",
            "colours: 24-bit: kitty(0.41.1) in tmux",
            "pictures: sextants: tmux lets no pictures through",
            "hint: for real pictures: tmux set -g allow-passthrough on",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} is missing from {lines:#?}");
        }
    }
}
