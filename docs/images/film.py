"""Films the demo in a real terminal, for the README.

    cargo build --release
    python docs/images/film.py target/release/seewhy docs/images/film.gif

Needs Xvfb, kitty from 0.31 on (another one than in the path: KITTY=/path/to/kitty), the font DejaVu Sans Mono, and Python with
Pillow and NumPy. The program runs in kitty on a virtual screen; kitty's remote control types the keys, and what the screen shows
is kept whenever it changes.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack

import numpy
from PIL import Image, ImageDraw, ImageFont, ImageGrab

# In pixels: the window, and the line below it.
WIDTH, HEIGHT, CAPTION = 880, 510, 30
# In seconds: how long a step may change the screen, and how long the screen must have stood still for the step to be over.
PATIENCE, STILL = 60, 0.7
# Of a step that takes long, so many frames are kept, each for so many seconds.
MOST, FRAME = 8, 0.25

# What is typed, how the film shows it, what it says, and for how many seconds the outcome stays.
STEPS = [
    ("", "seewhy demo", "what the network says, and where it looked", 2.0),
    ("j", "j", "the next picture", 1.2),
    ("n", "n", "the next mistake: a car, taken for a ship", 2.5),
    ("a", "a", "the channels of a layer, by what they add to the score", 2.0),
    ("j", "j", "the next channel, and where it is active", 1.5),
    ("\x1b", "Esc", "", 0.3),
    ("V", "V", "the way through the network, from the pixels", 1.5),
    ("j", "j", "layer by layer: how active each is, and where", 0.6),
    ("jj", "j", "layer by layer: how active each is, and where", 0.6),
    ("jj", "j", "layer by layer: how active each is, and where", 0.6),
    ("jjj", "j", "layer by layer: how active each is, and where", 1.2),
    ("\x1b", "Esc", "", 0.3),
    ("/dog-and", "/", "part of a name", 0.5),
    ("\r", "Enter", "dog, 99.7 %: where it looked", 1.5),
    ("2", "2", "and what speaks for the second class, cat", 2.5),
    ("1", "1", "back to the dog", 0.5),
    ("m", "m", "another method", 0.5),
    ("lime", "m", "another method: LIME", 0.5),
    ("\r", "Enter", "LIME: superpixels for the dog in red, against it in blue", 2.0),
    ("s", "s", "what if one of them were not there?", 1.5),
    (" ", "Space", "hidden; the network answers anew", 2.0),
    ("j", "j", "the next one", 0.5),
    (" ", "Space", "hidden, too: no longer a dog", 3.5),
]


def main(program, film):
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        display = virtual_screen(stack)
        press = terminal([os.path.abspath(program), "demo"], display, home, stack)
        frames = record(press, display)
    save([(with_caption(picture, key, words), seconds) for picture, key, words, seconds in frames], film)


def virtual_screen(stack):
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1200x24", "-dpi", "96", "-noreset", "-nolisten", "tcp"]
    stack.callback(subprocess.Popen(command, pass_fds=[write]).terminate)
    os.close(write)
    with os.fdopen(read) as answer:
        return f":{answer.readline().strip()}"


def terminal(command, display, home, stack):
    """Starts the command in kitty; what is returned types into it."""
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment |= {"DISPLAY": display, "HOME": home, "LIBGL_ALWAYS_SOFTWARE": "1"}
    options = {
        "allow_remote_control": "yes",
        "cursor_blink_interval": "0",
        "font_family": "DejaVu Sans Mono",
        "font_size": "10",
        "initial_window_height": str(HEIGHT),
        "initial_window_width": str(WIDTH),
        "remember_window_size": "no",
        "window_padding_width": "0",
    }
    kitty, socket = os.environ.get("KITTY", "kitty"), f"unix:{home}/kitty"
    overrides = [f"--override={name}={value}" for name, value in options.items()]
    started = subprocess.Popen([kitty, "--config=NONE", f"--listen-on={socket}", *overrides, *command], env=environment)
    stack.callback(started.terminate)

    def press(keys):
        for key in keys:
            subprocess.run([kitty, "@", f"--to={socket}", "send-text", key], env=environment, check=True)

    return press


def record(press, display):
    """One (picture, key, words, seconds) for each change of the screen."""
    frames = []
    before = ImageGrab.grab(xdisplay=display)
    for keys, key, words, hold in STEPS:
        press(keys)
        shown = []
        began = changed = time.monotonic()
        # The first picture waits for the terminal to start.
        still = STILL if frames else 3 * STILL
        while (now := time.monotonic()) < began + PATIENCE and (now < changed + still or not frames and len(shown) < 2):
            picture = ImageGrab.grab(xdisplay=display)
            if picture.tobytes() != before.tobytes():
                shown.append([picture, key, words, FRAME])
                before, changed = picture, now
            time.sleep(0.03)
        shown = shown or [[before, key, words, FRAME]]
        most = MOST if frames else 1
        shown = shown[:: -max(1, len(shown) // most)][:most][::-1]
        shown[-1][-1] = hold
        frames += shown
    return frames


def with_caption(screen, key, words):
    """The window, which stands in the screen's corner, and below it what was typed and why."""
    picture = Image.new("RGB", (WIDTH, HEIGHT + CAPTION), "#20242c")
    picture.paste(screen.crop((0, 0, WIDTH, HEIGHT)))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(17)
    middle = HEIGHT + CAPTION // 2
    end = 18 + draw.textlength(key, font)
    draw.rounded_rectangle((8, HEIGHT + 4, end + 6, HEIGHT + CAPTION - 4), 4, fill="#00b8c4")
    draw.text((14, middle), key, "black", font, "lm")
    draw.text((end + 18, middle), words, "white", font, "lm")
    return picture


def save(frames, path):
    """Writes a GIF whose frames hold what changed, each in the colours that it needs."""
    colours, clear = 255, 255
    pictures, durations, shown = [], [], None
    for picture, seconds in frames:
        pixels = numpy.asarray(picture, dtype=numpy.int16)
        if shown is None:
            changed = numpy.ones(pixels.shape[:2], bool)
            shown = pixels.copy()
        else:
            changed = (abs(pixels - shown) > 8).any(2)
        if not changed.any():
            durations[-1] += int(1000 * seconds)
            continue
        shown[changed] = pixels[changed]
        # The colours that differ most, lest those of letters drown in a sky.
        strip = Image.fromarray(pixels[changed].astype(numpy.uint8)[None])
        few = strip.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=1)
        indices = numpy.full(pixels.shape[:2], clear, numpy.uint8)
        indices[changed] = numpy.asarray(few)[0]
        frame = Image.fromarray(indices, "P")
        frame.putpalette(few.getpalette()[: 3 * colours])
        frame.info["transparency"] = clear
        pictures.append(frame)
        durations.append(int(1000 * seconds))
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, disposal=1, optimize=False)
    print(f"{path}: {len(pictures)} frames, {sum(durations) / 1000:.0f} s, {os.path.getsize(path) / 1e6:.2f} MB", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
