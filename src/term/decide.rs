//! From what the terminal said to how pictures are drawn in it, and why: a table of terminals, then their own claims.

use std::fmt;

use super::between::{Between, between};
use super::charset::charset;
use super::colour::colours;
use super::probe::Facts;
use super::reply::Reply;
use super::{Blocks, CellSize, Charset, Colours, cell_size};

/// How pictures get onto the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The kitty graphics protocol, placed by Unicode placeholders.
    Kitty,
    /// iTerm2's inline images.
    Iterm2,
    /// DEC's sixels.
    Sixel,
    /// Characters that divide a cell into two by three, in two colours.
    Sextants,
    /// The same with two by two.
    Quadrants,
    /// Two coloured pixels a cell: works wherever there are colours.
    Halfblocks,
    /// One a cell: works without UTF-8, too.
    Ascii,
    /// No pictures.
    None,
}

impl Protocol {
    /// All, in the order of preference.
    pub const ALL: [Protocol; 8] = [
        Protocol::Kitty,
        Protocol::Iterm2,
        Protocol::Sixel,
        Protocol::Sextants,
        Protocol::Quadrants,
        Protocol::Halfblocks,
        Protocol::Ascii,
        Protocol::None,
    ];

    /// As given to `--graphics`, and shown in the status line.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Kitty => "kitty",
            Protocol::Iterm2 => "iterm2",
            Protocol::Sixel => "sixel",
            Protocol::Sextants => "sextants",
            Protocol::Quadrants => "quadrants",
            Protocol::Halfblocks => "halfblocks",
            Protocol::Ascii => "ascii",
            Protocol::None => "none",
        }
    }

    /// What it is, as the help says it.
    pub fn help(self) -> &'static str {
        match self {
            Protocol::Kitty => "kitty's protocol",
            Protocol::Iterm2 => "iTerm2's inline images",
            Protocol::Sixel => "Sixel",
            Protocol::Sextants => "Sixths of cells in two colours: where the font has them",
            Protocol::Quadrants => "Quarters of cells in two colours: where the font has them",
            Protocol::Halfblocks => "Coloured half-blocks: any terminal",
            Protocol::Ascii => "Coloured cells: without UTF-8, too",
            Protocol::None => "No pictures",
        }
    }

    /// How a cell is divided, where pictures are made of characters.
    pub fn blocks(self) -> Option<Blocks> {
        match self {
            Protocol::Sextants => Some(Blocks::Sextants),
            Protocol::Quadrants => Some(Blocks::Quadrants),
            Protocol::Halfblocks => Some(Blocks::Halves),
            Protocol::Ascii => Some(Blocks::Spaces),
            Protocol::Kitty | Protocol::Iterm2 | Protocol::Sixel | Protocol::None => None,
        }
    }

    /// The protocol of this name.
    pub fn from_name(name: &str) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|protocol| protocol.name() == name)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the user asked for on the command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `--graphics`; `None` is `auto`.
    pub protocol: Option<Protocol>,
    /// The cell size, where the terminal lies about it.
    pub cell: Option<CellSize>,
}

/// How pictures are drawn in this terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graphics {
    /// The protocol.
    pub protocol: Protocol,
    /// Why this one, in a few words for the status line.
    pub reason: String,
    /// Size of a cell.
    pub cell: CellSize,
    /// How many colours there are for text, and for pictures out of characters.
    pub colours: Colours,
    /// Which characters may be written.
    pub charset: Charset,
    /// Sequences for the terminal must be wrapped, to get through tmux.
    pub wrapped: bool,
    /// The terminal can place images relative to others (`P=`, `Q=`): kitty itself.
    pub children: bool,
    /// Colours are not wanted.
    pub no_color: bool,
    /// What the user could do for better pictures.
    pub hint: Option<&'static str>,
}

/// Terminals that say a name that begins so (their answer to `XTVERSION`, or `TERM_PROGRAM`), and what draws well there.
/// The others are taken at their word about sixels. Sources: the terminals' own documentation and ratatui-image's table.
const TERMINALS: &[(&str, Protocol, &str)] = &[
    ("ghostty", Protocol::Kitty, ""),
    ("iTerm", Protocol::Iterm2, ""),
    ("WezTerm", Protocol::Iterm2, "its kitty graphics lack placeholders"),
    ("mintty", Protocol::Iterm2, ""),
    ("Konsole", Protocol::Iterm2, "its kitty graphics lack placeholders"),
    ("WarpTerminal", Protocol::Iterm2, "its kitty graphics lack placeholders"),
];

/// The first kitty with Unicode placeholders.
const KITTY_PLACEHOLDERS: (u32, u32) = (0, 28);
/// The first kitty with relative placements.
const KITTY_CHILDREN: (u32, u32) = (0, 31);

/// Terminals that draw block elements themselves, so that they fit together whatever the font: as their names begin.
const OWN_BLOCKS: [&str; 4] = ["kitty", "foot", "WezTerm", "ghostty"];

/// Whether the terminal of this name draws block elements itself.
pub fn draws_blocks(terminal: &str) -> bool {
    OWN_BLOCKS.iter().any(|name| begins_with(terminal, name))
}

/// Decides.
pub fn decide(facts: &Facts, wishes: Wishes) -> Graphics {
    let cell = wishes.cell.or_else(|| cell_size(facts).cell());
    let terminal = terminal_name(facts);
    let (charset, locale) = charset(facts);
    let (mut protocol, mut reason) = match wishes.protocol {
        Some(protocol) => (protocol, "as --graphics says".to_owned()),
        None => best(facts, &terminal),
    };
    if wishes.protocol.is_none() {
        if matches!(protocol, Protocol::Sixel | Protocol::Iterm2) && cell.is_none() {
            reason = format!("{protocol} needs the size of a cell in pixels, which is unknown; --cell gives it");
            protocol = Protocol::Halfblocks;
        }
        if protocol == Protocol::Halfblocks && draws_blocks(&terminal) {
            protocol = Protocol::Sextants;
        }
        if protocol.blocks().is_some() && facts.environment.no_color {
            reason = format!("NO_COLOR is set, and {reason}");
            protocol = Protocol::None;
        }
    }
    if protocol.blocks().is_some_and(|blocks| blocks != Blocks::Spaces) && charset == Charset::Ascii {
        reason = format!("{reason}; ASCII: {locale}");
        protocol = Protocol::Ascii;
    }
    // tmux draws sixels itself where it can; all else goes through it in a wrapper.
    let has_wrapper = matches!(protocol, Protocol::Kitty | Protocol::Iterm2);
    let wrapped = match &facts.tmux {
        Some(tmux) => has_wrapper || !tmux.features.split(',').any(|f| f == "sixel"),
        None => has_wrapper && between(facts, &terminal) == Some(Between::TmuxElsewhere),
    };
    let children = protocol == Protocol::Kitty && kitty_version(&terminal).is_some_and(|v| v >= KITTY_CHILDREN);
    Graphics {
        protocol,
        reason,
        cell: cell.unwrap_or(CellSize::GUESS),
        colours: colours(facts),
        charset,
        wrapped,
        children,
        no_color: facts.environment.no_color,
        hint: if wishes.protocol.is_none() { hint(facts, protocol) } else { None },
    }
}

/// All ways to draw pictures that are worth a try here, the one decided on first, each with why: what the terminal says that
/// it draws, and half-blocks. What the user insists on is the only one.
pub fn candidates(facts: &Facts, wishes: Wishes) -> Vec<Graphics> {
    let chosen = decide(facts, wishes);
    let mut all = vec![chosen];
    if wishes.protocol.is_some() {
        return all;
    }
    // In tmux, the terminal's own answers do not reach us.
    let direct = facts.tmux.is_none() && !facts.environment.tmux;
    let terminal = terminal_name(facts);
    let in_vain = is_old_kitty(&terminal) || between(facts, &terminal).is_some();
    let others = [
        (Protocol::Kitty, direct && answers_kitty(facts) && !in_vain, "the terminal says that it draws them"),
        (Protocol::Sixel, direct && claims_sixel(facts), "the terminal says that it draws them"),
        (Protocol::Halfblocks, facts.environment.term != "dumb", "any terminal with colours draws them"),
    ];
    for (protocol, _, reason) in others.into_iter().filter(|(_, is_claimed, _)| *is_claimed) {
        let forced = decide(facts, Wishes { protocol: Some(protocol), ..wishes });
        if all[0].protocol != forced.protocol {
            all.push(Graphics { reason: reason.to_owned(), ..forced });
        }
    }
    all
}

/// What the user could do for better pictures, where that is in their hands.
fn hint(facts: &Facts, protocol: Protocol) -> Option<&'static str> {
    protocol.blocks()?;
    let terminal = terminal_name(facts);
    if let Some(between) = between(facts, &terminal) {
        return Some(between.hint());
    }
    match &facts.tmux {
        _ if is_old_kitty(&terminal) => Some("for real pictures: kitty 0.28 or newer"),
        Some(tmux) if !tmux.passthrough => Some("for real pictures: tmux set -g allow-passthrough on"),
        None if answers_kitty(facts) => Some("for real pictures, perhaps: --graphics kitty"),
        _ => None,
    }
}

/// The best protocol for this terminal, and why.
fn best(facts: &Facts, terminal: &str) -> (Protocol, String) {
    let environment = &facts.environment;
    let halfblocks = |why: String| (Protocol::Halfblocks, why);
    if environment.term == "dumb" {
        return (Protocol::None, "TERM=dumb".to_owned());
    }
    if environment.tmux && facts.tmux.is_none() {
        return halfblocks("tmux does not answer".to_owned());
    }
    let tmux_draws = facts.tmux.as_ref().is_some_and(|tmux| tmux.features.split(',').any(|f| f == "sixel"));
    if tmux_draws && !is_trusted_kitty(terminal) && claims_sixel(facts) {
        return (Protocol::Sixel, "tmux draws them".to_owned());
    }
    if let Some(between) = between(facts, terminal) {
        return halfblocks(between.reason().to_owned());
    }
    let via = match &facts.tmux {
        Some(tmux) if !tmux.passthrough => return halfblocks("tmux lets no pictures through".to_owned()),
        // Its placeholders would come out as underscores.
        Some(tmux) if tmux.no_utf8 && is_trusted_kitty(terminal) => {
            return halfblocks("tmux runs without UTF-8, which pictures need".to_owned());
        }
        Some(_) => " in tmux",
        None => "",
    };
    let shown = if terminal.is_empty() { "the terminal" } else { terminal };
    if let Some(version) = kitty_version(terminal) {
        return if version >= KITTY_PLACEHOLDERS {
            (Protocol::Kitty, format!("{shown}{via}"))
        } else {
            halfblocks(format!("{shown} is older than 0.28, which pictures need"))
        };
    }
    for (name, protocol, why) in TERMINALS {
        if begins_with(terminal, name) {
            let why = if why.is_empty() { String::new() } else { format!("; {why}") };
            return (*protocol, format!("{shown}{via}{why}"));
        }
    }
    // In tmux, only what tmux says about sixels counts: its own answer claims them everywhere.
    let sixel_colours = facts.replies.iter().any(|reply| matches!(reply, Reply::SixelColours(n) if *n > 1));
    if facts.tmux.is_none() && claims_sixel(facts) || facts.tmux.is_some() && sixel_colours {
        return (Protocol::Sixel, format!("{shown} says that it draws them{via}"));
    }
    if facts.replies.is_empty() {
        return halfblocks("the terminal did not answer".to_owned());
    }
    if answers_kitty(facts) {
        return halfblocks(format!("{shown} may lack kitty's placeholders"));
    }
    halfblocks(format!("{shown} draws no pixels{via}"))
}

/// Name and version of the terminal at the end of the line, as far as anybody says.
pub fn terminal_name(facts: &Facts) -> String {
    let version = facts.replies.iter().find_map(|reply| match reply {
        Reply::Version(name) => Some(name.clone()),
        _ => None,
    });
    let environment = &facts.environment;
    match (&facts.tmux, version) {
        (Some(tmux), _) => tmux.outer.clone(),
        (None, Some(name)) if !name.is_empty() => name,
        _ if environment.lc_terminal.starts_with("iTerm") => environment.lc_terminal.clone(),
        _ => environment.term_program.clone(),
    }
}

pub(super) fn begins_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// Major and minor of `kitty(0.41.1)`.
fn kitty_version(terminal: &str) -> Option<(u32, u32)> {
    let version = terminal.strip_prefix("kitty").map(|rest| rest.trim_matches(['(', ')', ' ']))?;
    let mut numbers = version.split('.').map(|n| n.parse().unwrap_or(0));
    Some((numbers.next()?, numbers.next().unwrap_or(0)))
}

fn is_old_kitty(terminal: &str) -> bool {
    kitty_version(terminal).is_some_and(|version| version < KITTY_PLACEHOLDERS)
}

fn is_trusted_kitty(terminal: &str) -> bool {
    kitty_version(terminal).is_some_and(|version| version >= KITTY_PLACEHOLDERS) || begins_with(terminal, "ghostty")
}

/// Whether the terminal took a picture in kitty's protocol, when it was asked.
fn answers_kitty(facts: &Facts) -> bool {
    facts.replies.iter().any(|reply| matches!(reply, Reply::KittyGraphics { ok: true, .. }))
}

/// Whether the device attributes list sixel graphics.
pub(super) fn claims_sixel(facts: &Facts) -> bool {
    facts.replies.iter().any(|reply| matches!(reply, Reply::DeviceAttributes(list) if list.contains(&4)))
}
