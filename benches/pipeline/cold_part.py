"""## Cold starts

From the start of a command to its end, for one photograph of 50 KB to 512 pixels, in turn with what
people would type instead; and how long `pixmill up` takes from its start, or from the first picture that
its empty fleet is sent, to the first result (`POST /process_image`, invert). Files are in the page
cache. *Ratio* is the other's time over ours."""

import shutil
import statistics
import sys
import time

from commands import OUT, Command, Rounds
import load
import prototype_part
from programs import pixmill
from report import table
from thumbs import QUALITY, SIDE

PYTHON = {
    "Python with OpenCV": "import cv2; p = cv2.imread(sys.argv[1], cv2.IMREAD_COLOR); "
                          "cv2.imwrite(sys.argv[2] + '/a.jpg', cv2.resize(p, ({side}, 341), "
                          "interpolation=cv2.INTER_AREA), [cv2.IMWRITE_JPEG_QUALITY, {quality}])",
    "Python with pyvips": "import pyvips; pyvips.Image.thumbnail(sys.argv[1], {side})"
                          ".jpegsave(sys.argv[2] + '/a.jpg', Q={quality})",
    "Python with Pillow": "from PIL import Image; p = Image.open(sys.argv[1]); p.thumbnail(({side}, {side})); "
                          "p.save(sys.argv[2] + '/a.jpg', quality={quality})",
}
SHARP = "require(process.argv[1])(process.argv[2]).resize({side}).jpeg({{quality: {quality}}}).toFile(process.argv[3] + '/a.jpg')"
SERVERS = 5


def prepare(bench):
    bench.one()


def versions(bench):
    return []


def commands(bench):
    picture = next(bench.one().iterdir())
    text = lambda of: of.format(side=SIDE, quality=QUALITY)
    recipe = f"resize:{SIDE} -> jpeg:q={QUALITY}"
    made = [Command("pixmill run", [bench.pixmill, "run", picture, "--recipe", recipe, "--out", OUT])]
    made.append(Command("pixmill --version", [bench.pixmill, "--version"]))
    if bench.sharp():
        made.append(Command("Node.js with sharp", ["node", "-e", text(SHARP), bench.sharp(), picture, OUT]))
    for name, program in PYTHON.items():
        made.append(Command(name, [sys.executable, "-c", "import sys; " + text(program), picture, OUT]))
    if shutil.which("vipsthumbnail"):
        written = f'exec vipsthumbnail --size {SIDE} -o "$2/a.jpg[Q={QUALITY}]" "$1"'
        made.append(Command("vipsthumbnail", ["sh", "-c", written, "sh", picture, OUT]))
    return made


def run(bench):
    rounds = Rounds(commands(bench), bench.scratch / "commands", bench["STARTS"])
    rows = [("`pixmill run`", f"{rounds.seconds(0) * 1e3:.0f}", "", "")]
    for which, name in list(enumerate(rounds.names))[1:]:
        pair = rounds.pair(which)
        rows.append((name, f"{rounds.seconds(which) * 1e3:.0f}", f"**{pair.ratio:.2f}**", pair.middle_half))
    lines = [f"Medians of {bench['STARTS']} rounds:", ""]
    lines += table(("Command", "ms", "ratio", "middle half"), rows)
    started, woken = zip(*(servers(bench, number) for number in range(SERVERS)))
    milliseconds = lambda times: f"{statistics.median(times) * 1e3:.0f} | {min(times) * 1e3:.0f}–{max(times) * 1e3:.0f}"
    return lines + ["", f"Medians of {SERVERS}:", "", "| From | to | ms | spread |", "|---|---|---|---|",
                    f"| the start of `pixmill up` | the answer to the first request | {milliseconds(started)} |",
                    f"| the first request to an idle one, no worker running | its answer | {milliseconds(woken)} |"]


def body(bench):
    picture = next(bench.one().iterdir())
    return load.form(picture.read_bytes(), picture.name, operation="color_inversion", output_name="a.jpg",
                     s3_bucket="pictures")


def servers(bench, number):
    """Seconds from the start of a server to its first result, and of an idle one's first request."""
    form, begun = body(bench), time.monotonic()
    with pixmill(bench, "up", bench.scratch / f"up-{number}") as (_, url):
        prototype_part.asked(url, form)
        first = time.monotonic() - begun
    with pixmill(bench, "up", bench.scratch / f"idle-{number}") as (_, url):
        # So long that it has looked at its empty queue more than once.
        time.sleep(3)
        begun = time.monotonic()
        prototype_part.asked(url, form)
        woken = time.monotonic() - begun
    print(f"up: {first:.3f} s, {woken:.3f} s", flush=True)
    return first, woken
