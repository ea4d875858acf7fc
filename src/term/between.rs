//! What may stand between us and the terminal and carry no pictures: multiplexers, and mosh.

use super::Facts;
use super::decide::{begins_with, claims_sixel};

/// Who carries no pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    /// tmux, driven by a terminal that shows its windows as its own.
    TmuxControl,
    /// A tmux whose terminal is another tmux.
    TmuxInTmux,
    /// tmux at the near end of a connection, which cannot be asked from here.
    TmuxElsewhere,
    /// GNU screen.
    Screen,
    /// Zellij, which says that it draws kitty's pictures and shows nothing.
    Zellij,
    /// mosh, which carries characters only.
    Mosh,
}

impl Between {
    /// Why there are no pictures.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Between::TmuxControl => "tmux -CC lets no pictures through",
            Between::TmuxInTmux => "tmux in tmux lets no pictures through",
            Between::TmuxElsewhere => "tmux cannot be asked from here",
            Between::Screen => "GNU screen lets no pictures through",
            Between::Zellij => "Zellij shows none of kitty's pictures",
            Between::Mosh => "mosh carries no pictures",
        }
    }

    /// What the user could do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Between::TmuxControl => "for real pictures: tmux without -CC",
            Between::TmuxInTmux => "for real pictures: one tmux, not two",
            Between::TmuxElsewhere => "for real pictures, perhaps: --graphics kitty, with allow-passthrough on in tmux",
            Between::Screen => "for real pictures: tmux in place of GNU screen",
            Between::Zellij => "for real pictures: outside Zellij",
            Between::Mosh => "for real pictures: ssh in place of mosh",
        }
    }
}

/// Who of them is there. The nearest one counts.
pub(super) fn between(facts: &Facts, terminal: &str) -> Option<Between> {
    let environment = &facts.environment;
    let is_tmux = begins_with(terminal, "tmux");
    if let Some(tmux) = &facts.tmux {
        return if tmux.control { Some(Between::TmuxControl) } else { is_tmux.then_some(Between::TmuxInTmux) };
    }
    if is_tmux && !environment.tmux {
        return Some(Between::TmuxElsewhere);
    }
    if environment.in_screen() {
        return Some(Between::Screen);
    }
    // It draws sixels where its terminal does.
    if (environment.zellij || begins_with(terminal, "zellij")) && !claims_sixel(facts) {
        return Some(Between::Zellij);
    }
    environment.mosh.then_some(Between::Mosh)
}
