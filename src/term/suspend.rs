//! The processes that we come from, and `^Z`: stopping as the shell's job control expects it.
//!
//! In raw mode the key does nothing by itself. Stopping only our own process would leave a parent in our job (`cargo run`)
//! waiting, and the shell with it; and where nobody does job control (`xterm -e`, `ssh -t`) nobody could wake us up.

use std::fs;
use std::process::{Command, Stdio};

use signal_hook::consts::SIGSTOP;
use signal_hook::low_level::raise;

/// Parent, process group and session of a process, from `/proc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kin {
    parent: u32,
    group: u32,
    session: u32,
}

impl Kin {
    fn of(process: u32) -> Option<Kin> {
        Kin::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    /// `pid (name) state parent group session ...`; the name may hold anything, brackets too.
    fn parse(stat: &str) -> Option<Kin> {
        let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace().skip(1).map(|field| field.parse().ok());
        Some(Kin { parent: fields.next()??, group: fields.next()??, session: fields.next()?? })
    }
}

/// Whether somebody outside our process group, but in our session, waits for us: a shell. Where the system does not say, it
/// is taken for granted.
fn has_shell() -> bool {
    let Some(own) = Kin::of(std::process::id()) else { return true };
    let mut parent = own.parent;
    // A job is a handful of processes deep; the bound is for a table that changes under our feet.
    for _ in 0..64 {
        match Kin::of(parent) {
            Some(kin) if kin.group == own.group => parent = kin.parent,
            Some(kin) => return kin.session == own.session,
            None => return false,
        }
    }
    false
}

/// Whether a program of this name started one that started one and so on that started us.
pub(super) fn has_ancestor(name: &str) -> bool {
    let mut process = Kin::of(std::process::id()).map(|kin| kin.parent);
    for _ in 0..64 {
        let Some(id) = process.filter(|id| *id > 1) else { return false };
        if fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|comm| comm.trim_end() == name) {
            return true;
        }
        process = Kin::of(id).map(|kin| kin.parent);
    }
    false
}

/// Stops our whole job until it is continued. Returns false, at once, when there is no shell to return to.
pub fn stop_job() -> bool {
    if !has_shell() {
        return false;
    }
    let id = std::process::id();
    let leads = Kin::of(id).is_none_or(|kin| kin.group == id);
    // The other members of the job stop by SIGTSTP's default action; `kill 0` means the caller's group.
    let others = if leads {
        None
    } else {
        let quiet = |command: &mut Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
        };
        quiet(Command::new("sh").args(["-c", "kill -s TSTP 0"]))
    };
    let stopped = raise(SIGSTOP).is_ok();
    if let Some(mut child) = others {
        let _ = child.wait();
    }
    stopped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let kin = Kin::parse("4242 (a) b (c) S 17 4240 99 34816 4240 4194304 1");
        assert_eq!(kin, Some(Kin { parent: 17, group: 4240, session: 99 }));
        assert_eq!(Kin::parse("nonsense"), None);
    }
}
