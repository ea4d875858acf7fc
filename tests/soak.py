"""An hour of random keys, clicks, resizes and signals, as nobody types them.

    python tests/soak.py target/release/seewhy FOLDER --seconds 3600 --terminal kitty

Runs the interface in a pseudo-terminal under a shell of a few lines, writes a JSON line of its memory every ten seconds, and
fails where it ends by itself, stops answering, loses a mark, leaves a process behind or the terminal as it should not be.
What it writes lands in a scratch folder. The same `--seed` types the same keys; what they meet depends on the clock.
"""

import argparse
import collections
import fcntl
import json
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

# What each kind of terminal says of itself, by the question.
PLAIN = {rb"\x1b\[>q": b"\x1bP>|XTerm(379)\x1b\\", rb"\x1b\[c": b"\x1b[?64;1;2;22c"}
KITTY = {
    rb"\x1b\[>q": b"\x1bP>|kitty(0.41.1)\x1b\\",
    rb"\x1b\[c": b"\x1b[?62c",
    rb"\x1b_Gi=31,[^\x1b]*a=q[^\x1b]*\x1b\\": b"\x1b_Gi=31;OK\x1b\\",
}
EVERY = {rb"\x1b\[16t": b"\x1b[6;20;10t", rb"\x1b\[5n": b"\x1b[0n"}
# The longest question: what may be torn across two reads.
QUESTION = 64

# Keys and how often. `q` and ^C are not among them.
ARROWS = ["\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"]
MOVES = ["j"] * 30 + ["k"] * 10 + ["n"] * 6 + list("NGglh") + ARROWS + ["\x1b[6~"] * 4 + ["\x1b[5~"] * 3
PANELS = list("mtLaVsAeEp?/v") + ["\r", "\r", " ", "\x1b", "\x1b", "\x1b"]
LOOKS = list("obcizZ+-=P[]S123456789!uwy\t\x0c\x1a") + ["x"] * 5 + ["\x1b[1;2C", "\x1b[1;2A"]
FILTERS = ["is:wrong", "is:marked", "true:cat said:dog", "p<0.5", "is:broken", "said:#3 frog", "(", "é\u4e2d"]
# Ends whatever is open, and takes the filter away. In a list, Esc does no harm.
HOME = "\x1b" * 3

# Modes that must be off at the end: the main screen, the mouse, pastes, updates; and the cursor must be on.
RESTORED = {b"?1049": b"l", b"?1000": b"l", b"?1006": b"l", b"?2004": b"l", b"?2026": b"l", b"?25": b"h"}

# What is written where something panicked, on a worker or not.
DEFECT = re.compile(rb"panicked|defect")


def shell(command, report):
    """Runs the program as the only job of a session, as an interactive shell does: a job that stops is continued."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(command[0], command)
    os.write(report, struct.pack("i", job))
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
        os.tcsetpgrp(0, os.getpgrp())
        time.sleep(0.2)
        os.tcsetpgrp(0, job)
        os.killpg(job, signal.SIGCONT)


class Terminal:
    """The other end: answers what it is asked and remembers the last that was written."""

    def __init__(self, command, kind, environment):
        report, reporter = os.pipe()
        self.shell, self.file = pty.fork()
        if self.shell == 0:
            os.environ.clear()
            os.environ.update(environment)
            shell(command, reporter)
        self.modes = termios.tcgetattr(self.file)
        self.job = struct.unpack("i", os.read(report, 4))[0]
        self.answers = {**EVERY, **(KITTY if kind == "kitty" else PLAIN)}
        self.asked = re.compile(b"|".join(b"(%s)" % question for question in self.answers))
        self.tail, self.written, self.last, self.ended = b"", 0, collections.deque(maxlen=256), False
        self.defects = []
        os.set_blocking(self.file, False)

    def listen(self, seconds):
        """Reads and answers for so long."""
        until = time.monotonic() + seconds
        while not self.ended:
            ready, _, _ = select.select([self.file], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return
            try:
                piece = os.read(self.file, 1 << 16)
            except OSError:
                piece = b""
            self.ended = not piece
            self.written += len(piece)
            self.last.append(piece)
            if DEFECT.search(piece):
                self.defects.append(b"".join(self.last)[-2000:])
            self.tail += piece
            end = 0
            for question in self.asked.finditer(self.tail):
                self.type(list(self.answers.values())[question.lastindex - 1])
                end = question.end()
            self.tail = self.tail[max(end, len(self.tail) - QUESTION) :]

    def type(self, text):
        """Types; what the program does not take within a minute is not typed."""
        rest, deadline = text if isinstance(text, bytes) else text.encode(), time.monotonic() + 60
        while rest and not self.ended:
            try:
                rest = rest[os.write(self.file, rest) :]
            except BlockingIOError:
                assert time.monotonic() < deadline, "it takes no more keys"
                time.sleep(0.01)
            except OSError:
                self.ended = True

    def resize(self, columns, rows):
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 10 * columns, 20 * rows))

    def answers_within(self, seconds):
        """Whether it draws when it is asked to, before so much time has passed: what was typed so far has arrived then."""
        self.listen(0.1)
        before, until = self.written, time.monotonic() + seconds
        self.type("\x0c")
        while self.written == before and time.monotonic() < until and not self.ended:
            self.listen(0.1)
        return self.written > before

    def screen(self):
        """What it shows, as text, from a redraw of everything."""
        self.last.clear()
        self.answers_within(60)
        self.listen(3)
        text = re.sub(rb"\x1b_.*?\x1b\\|\x1b\][^\x07\x1b]*(\x07|\x1b\\)", b"", b"".join(self.last), flags=re.DOTALL)
        return re.sub(rb"\x1b\[[0-9;?:>]*[A-Za-z]", b"\n", text).decode(errors="replace")


def memory(process):
    """Resident memory in MB, threads and open files."""
    status = Path(f"/proc/{process}/status").read_text()
    fields = {name: int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ["VmRSS", "VmHWM", "Threads"]}
    return {
        "rss_mb": fields["VmRSS"] // 1024,
        "peak_mb": fields["VmHWM"] // 1024,
        "threads": fields["Threads"],
        "files": len(os.listdir(f"/proc/{process}/fd")),
    }


def misuse(terminal, chance, size):
    """Something that a hand, a window manager or a shell might do. Returns the size of the window."""
    what = chance.random()
    if what < 0.62:
        terminal.type("".join(chance.choices(MOVES, k=chance.choice([1, 1, 1, 3, 20]))))
    elif what < 0.74:
        terminal.type(chance.choice(PANELS))
    elif what < 0.84:
        terminal.type(chance.choice(LOOKS))
    elif what < 0.87:
        column, row = chance.randint(1, size[0]), chance.randint(1, size[1])
        button = chance.choice([0, 0, 64, 65])
        terminal.type(f"\x1b[<{button};{column};{row}M\x1b[<{button};{column};{row}m")
    elif what < 0.89:
        terminal.type(HOME + "/\x15" + chance.choice(FILTERS) + "\r")
    elif what < 0.92:
        terminal.type(HOME + "/\x15\r")
    elif what < 0.94:
        terminal.type("\x1b[200~" + chance.choice(["cat", "line\nline", "\x1b[31m"]) + "\x1b[201~")
    elif what < 0.98:
        size = chance.choice([(80, 24), (120, 36), (200, 60), (40, 12), (chance.randint(1, 250), chance.randint(1, 80))])
        terminal.resize(*size)
    elif what < 0.985:
        os.kill(terminal.job, chance.choice([signal.SIGTSTP, signal.SIGSTOP, signal.SIGCONT, signal.SIGWINCH]))
    else:
        terminal.listen(chance.uniform(0.5, 4))
    return size


def marked(seewhy, marks, folder):
    if not marks.exists():
        return 0
    printed = subprocess.run([seewhy, "marks", "-0", "--marks", marks, folder], capture_output=True, check=True).stdout
    return printed.count(b"\0")


def descendants(session):
    """The processes of a session, but for its shell and what is dead."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and int(stat.parent.name) != session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seewhy", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--terminal", choices=["kitty", "plain"], default="kitty")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    seewhy, folder = arguments.seewhy.resolve(), arguments.folder.resolve()

    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        marks = Path(scratch, "marks.jsonl")
        environment = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PATH": os.environ["PATH"], "HOME": scratch}
        terminal = Terminal([str(seewhy), "--marks", str(marks), str(folder)], arguments.terminal, environment)
        chance, size, begin, said, acts = random.Random(arguments.seed), (120, 36), time.monotonic(), 0, 0
        terminal.resize(*size)
        terminal.listen(3)
        while (now := time.monotonic() - begin) < arguments.seconds:
            size = misuse(terminal, chance, size)
            acts += 1
            terminal.listen(chance.choice([0, 0.02, 0.05, 0.2]))
            assert not terminal.ended, f"it ended by itself: {b''.join(terminal.last)[-2000:]}"
            if now - said >= 10:
                now = {"seconds": int(now), **memory(terminal.job), "acts": acts, "bytes": terminal.written}
                print(json.dumps(now), flush=True)
                said = now["seconds"]
            if acts % 50 == 0:
                assert terminal.answers_within(300), f"it no longer answers: {b''.join(terminal.last)[-2000:]}"

        # What is marked, as it says and as the file says.
        terminal.resize(120, 36)
        terminal.type(HOME + "/\x15is:marked\r")
        terminal.listen(5)
        screen = terminal.screen()
        kept = marked(seewhy, marks, folder)
        shown = re.search(r"of\s+(\d+)\s+\(\d+\)", screen)
        end = {"marks": kept, "shown": int(shown[1]) if shown else 0, **memory(terminal.job)}
        os.kill(terminal.job, signal.SIGTERM)
        terminal.listen(10)
        _, status = os.waitpid(terminal.shell, 0)
        said = b"".join(terminal.last)
        last = dict(re.findall(rb"\x1b\[(\?\d+)([hl])", said))
        restored = all(last.get(mode) == how for mode, how in RESTORED.items())
        end |= {"exit": os.waitstatus_to_exitcode(status), "orphans": descendants(terminal.shell)}
        end |= {"restored": restored and termios.tcgetattr(terminal.file) == terminal.modes, "defects": len(terminal.defects)}
        print(json.dumps(end), flush=True)
        if end["shown"] != kept or end["orphans"] or not end["restored"] or end["defects"]:
            sys.exit(f"{screen}\n{said[-2000:]}\n{terminal.defects}")


main()
