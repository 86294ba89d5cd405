"""Measures pixmill beside OpenCV, libvips, Pillow and sharp: the program of `make bench`.

Usage: side_by_side.py BENCH REPORT WORK [--part PART] [--only WORD] [--rounds N], where BENCH is the built example
`bench` of pixmill-ops and WORK a directory for pictures. sharp takes part if its module is in
WORK/node_modules.

The machine may be busy with other things, so nothing is measured alone: both sides run in turn, and
every figure is the median of their ratios, with the middle half of them as its spread. Where there is
one thread its time on the core is taken, which does not count the work of others.
"""

import argparse
import io
import math
import os
import pathlib
import statistics
import subprocess
import time

# Before libvips is loaded: a picture a thread.
os.environ["VIPS_CONCURRENCY"] = "1"

import cv2
import numpy as np
import PIL
import pyvips
from PIL import Image

import machine
import peers
import photos
from pairs import geometric_mean, measure, measure_twice
from thumbs import QUALITY, SIDE, opencv_thumbnail_of_quarter

OPERATIONS = ["invert", "grayscale", "blur", "edges", "threshold", "lines", "contours", "morphology"]
# At 12 and at 1 megapixel: rounds, and runs a round of the fast and of the slow operations.
SIZES = {"12mp": (15, 3, 1), "1mp": (15, 30, 3)}
SLOW = {"lines", "contours", "edges", "blur"}
HERE = pathlib.Path(__file__).resolve().parent


class Ours:
    """The stopwatch, kept running."""

    def __init__(self, program):
        self.process = subprocess.Popen([pathlib.Path(program).resolve()], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, *fields):
        self.process.stdin.write("\t".join(str(field) for field in fields) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def nanoseconds(self, *fields):
        return int(self.ask(*fields))


def clock(function, times=1, before=None):
    spent = 0
    for _ in range(times):
        if before:
            before()
        begun = time.thread_time_ns()
        function()
        spent += time.thread_time_ns() - begun
    return spent // times


def clock_and_cores(function):
    """Nanoseconds on the clock, and on all cores together."""
    clock_, cores = time.perf_counter_ns(), time.process_time_ns()
    function()
    return time.perf_counter_ns() - clock_, time.process_time_ns() - cores


def operations(ours, work, rounds_asked, only):
    lines = []
    for name, (rounds, fast, slow) in SIZES.items():
        picture = np.load(work / f"{name}.npy")
        height, width = picture.shape[:2]
        side = peers.Operations(np.ascontiguousarray(picture[:, :, ::-1]))
        ratios = []
        lines += [f"\n{width}×{height}, milliseconds:\n",
                  "| Operation | pixmill | OpenCV | ratio | middle half | result |", "|---|---|---|---|---|---|"]
        for operation in OPERATIONS + ["invert_in_place", "threshold_in_place"]:
            if only and only not in operation:
                continue
            recipe = operation.removesuffix("_in_place")
            ours.ask("load", f"{recipe} -> png", width, height, 3, work / f"{name}.rgb")
            times = slow if operation in SLOW else fast
            theirs = getattr(side, operation)
            pair = measure(lambda: ours.nanoseconds("run", times),
                           lambda: clock(theirs, times, side.restore), rounds_asked or rounds)
            side.restore()
            same = "equal" if equal(ours, theirs(), work) else "DIFFERENT"
            label = f"{recipe}, OpenCV in place too" if recipe != operation else recipe
            lines.append(f"| {label} | {pair.cells()} | {same} |")
            print(name, lines[-1], flush=True)
            if recipe == operation:
                ratios.append(pair.ratio)
        lines.append(f"\nGeometric mean of the eight: **{geometric_mean(ratios):.2f}**, "
                     f"the smallest {min(ratios):.2f}.")
        print(lines[-1], flush=True)
    return lines


def equal(ours, theirs, work):
    width, height, channels = (int(n) for n in ours.ask("made", work / "made").split())
    made = np.fromfile(work / "made", np.uint8).reshape(height, width, channels)
    return np.array_equal(np.squeeze(made if channels == 1 else made[:, :, ::-1]), theirs)


def jobs(ours, work, rounds, only):
    lines = []
    for suffix, encoding, parameters in ((".jpg", "jpeg:q=85", [cv2.IMWRITE_JPEG_QUALITY, 85]),
                                         (".png", "png", [])):
        for name in SIZES:
            source = np.fromfile(work / f"{name}.jpg", np.uint8)
            lines += [f"\nJPEG of {name[:-2]} megapixels to {suffix[1:].upper()}, milliseconds:\n",
                      "| Operation | pixmill | OpenCV | ratio | middle half | bytes, pixmill : OpenCV |",
                      "|---|---|---|---|---|---|"]
            ratios = []
            times = 1 if name == "12mp" else 5
            for operation in OPERATIONS:
                if only and only not in operation:
                    continue
                job = ("job", f"{operation} -> {encoding}", work / f"{name}.jpg", work / "made", times)
                theirs = lambda: peers.opencv_job(source, operation, suffix, parameters)
                pair = measure(lambda: ours.nanoseconds(*job), lambda: clock(theirs, times), rounds or 7)
                sizes = f"{(work / 'made').stat().st_size / len(theirs()):.2f}"
                lines.append(f"| {operation} | {pair.cells()} | {sizes} |")
                print(name, suffix, lines[-1], flush=True)
                ratios.append(pair.ratio)
            lines.append(f"\nGeometric mean: **{geometric_mean(ratios):.2f}**, the smallest {min(ratios):.2f}.")
            print(lines[-1], flush=True)
    return lines


class Sharp:
    """sharp in a process of its own, kept running."""

    def __init__(self, work, folder, workers):
        line = ["node", HERE / "thumbs.mjs", work / "node_modules" / "sharp", folder, str(SIDE),
                str(QUALITY), str(workers)]
        environment = os.environ | {"UV_THREADPOOL_SIZE": str(workers)}
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=environment)
        self.version = ""

    def batch(self, out=""):
        self.process.stdin.write(f"{out}\n")
        self.process.stdin.flush()
        on_clock, on_cores, sharp, vips = self.process.stdout.readline().split()
        self.version = f"{sharp} on libvips {vips}"
        return int(on_clock), int(on_cores)


# Where they are, how large they are, and which of them are measured with every peer.
SOURCES = {"thumbs": "2048×1366", "thumbs12": "4000×3000", "thumbs24": "6000×4000"}


def thumbnails(ours, work, rounds, name="thumbs"):
    workers = len(os.sched_getaffinity(0))
    folder = work / name
    paths = sorted(folder.iterdir())
    sources = [path.read_bytes() for path in paths]
    ideals = [ideal(path) for path in paths[:10]]
    peer = dict(peers.THUMBNAILS)
    if name != "thumbs":
        peer["OpenCV, reduced decode"] = opencv_thumbnail_of_quarter
    recipe = f"resize:{SIDE} -> jpeg:q={QUALITY}"
    batch = ("batch", recipe, folder, workers, work / "thumbs-ours")
    run = lambda: tuple(int(n) for n in ours.ask(*batch).split())
    sides = {name: lambda f=f: clock_and_cores(lambda: peers.batch(f, sources, workers))
             for name, f in peer.items()}
    sharp = None
    if (work / "node_modules" / "sharp").exists():
        sharp = Sharp(work, folder, workers)
        sides["sharp"] = sharp.batch
    lines = [f"\n{len(sources)} JPEGs of {SOURCES[name]} to {SIDE} pixels, quality {QUALITY}, {workers} threads; "
             "pictures a second of a core:\n",
             "| Peer | pixmill | peer | ratio | middle half | ratio on the clock | dB, pixmill : peer "
             "| bytes, pixmill : peer |", "|---|---|---|---|---|---|---|---|"]
    for label, side in sides.items():
        on_clock, pair = measure_twice(run, side, rounds or 9)
        if label == "sharp":
            sharp.batch(work / "thumbs-sharp")
            made = [(work / "thumbs-sharp" / path.name).read_bytes() for path in paths[:10]]
        else:
            made = [peer[label](source) for source in sources[:10]]
        mine = [(work / "thumbs-ours" / path.name).read_bytes() for path in paths[:10]]
        rate = lambda times: len(sources) / statistics.median(times) * 1e9
        sizes = sum(map(len, mine)) / sum(map(len, made))
        lines.append(f"| {label} | {rate(pair.ours):.0f} | {rate(pair.theirs):.0f} | **{pair.ratio:.2f}** | "
                     f"{pair.middle_half} | {on_clock.ratio:.2f} | {noise(mine, ideals):.2f} : {noise(made, ideals):.2f} | {sizes:.2f} |")
        print(lines[-1], flush=True)
    return lines, sharp.version if sharp else "not installed"


def faults(ours, work):
    """Page faults of ten jobs, once some have run."""
    lines = ["| Job | 1 megapixel | 12 megapixels |", "|---|---|---|"]
    for recipe in ("invert -> jpeg:q=85", "blur -> jpeg:q=85", "edges -> png", "lines -> jpeg:q=85",
                   "morphology -> png", "resize:512 -> jpeg:q=80"):
        found = [ours.ask("faults", recipe, work / f"{name}.jpg", 10) for name in ("1mp", "12mp")]
        lines.append(f"| `{recipe}` | {found[0]} | {found[1]} |")
        print(lines[-1], flush=True)
    return lines


def ideal(path):
    """Every pixel decoded, Lanczos in floating point."""
    picture = np.asarray(Image.open(path)).astype(np.float32)
    size = (SIDE, round(picture.shape[0] * SIDE / picture.shape[1]))
    planes = [Image.fromarray(picture[:, :, c]).resize(size, Image.Resampling.LANCZOS) for c in range(3)]
    return np.dstack([np.asarray(plane) for plane in planes]).clip(0, 255)


def noise(files, ideals):
    """The mean peak signal-to-noise ratio in decibels."""
    pictures = [np.asarray(Image.open(io.BytesIO(file)).convert("RGB"), np.float32) for file in files]
    return statistics.mean(10 * math.log10(255 ** 2 / np.mean((a - b) ** 2))
                           for a, b in zip(pictures, ideals) if a.shape == b.shape)


def conditions(sharp, rounds):
    vips = ".".join(str(pyvips.version(i)) for i in range(3))
    rows = [("Machine", machine.hardware()),
            ("System", machine.system()),
            ("pixmill", machine.ours()),
            ("Peers", f"OpenCV {cv2.__version__} (one thread), NumPy {np.__version__}, libvips {vips}, "
                      f"Pillow {PIL.__version__}, sharp {sharp}"),
            ("Load of other work when it began, and minutes that it took",
             f"{LOAD:.1f}, {(time.monotonic() - BEGUN) / 60:.0f}"),
            ("Date", machine.today()),
            ("Command", "`make bench`" + (f", {rounds} rounds only" if rounds else ""))]
    return machine.table(rows)


LOAD, BEGUN = os.getloadavg()[0], time.monotonic()

HEAD = """# Side by side

How fast pixmill is beside OpenCV, libvips, Pillow and sharp on one machine. Written by `make bench`
(benches/side_by_side), measured anew by every run of it. Both sides run in turn in the same minutes;
*ratio* is the peer's time over ours, the median of all pairs, and *middle half* where half of them
lie. Times of one thread are those on its core. Milliseconds are medians, and those of a machine that
does other things as well: ratios are what counts. The photographs are mosaics of those that scikit-image ships (photos.py).
"""

OPERATIONS_HEAD = """
## Operations

One thread, from decoded RGB to the finished pixels. OpenCV gets buffers that are used again, and
draws lines and contours in place; pixmill inverts, thresholds and draws in place, as it does in a
job. *Result* compares every byte.
"""

JOBS_HEAD = """
## Whole jobs

One thread, bytes in, bytes out. OpenCV as the prototype called it, each buffer fresh.
"""

THUMBNAILS_HEAD = """
## Thumbnails

All cores, bytes in, bytes out. The ratio is that of the time on all cores together: where other work
goes on, whoever starts more threads gets more of the machine, so the clock tells little. *dB* is the noise against every pixel decoded and resized by Lanczos
in floating point, with that of the encoding. OpenCV decodes at half size, those of 12 and 24 megapixels
at a quarter.
"""

FAULTS_HEAD = """
## Page faults

Of ten jobs one after the other, once three have run: memory is used again.

"""


def main():
    parser = argparse.ArgumentParser()
    for name in ("bench", "report", "work"):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--part", choices=["operations", "jobs", "thumbnails", "faults"])
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    asked.work = asked.work.resolve()
    photos.prepare(asked.work, 40)
    ours = Ours(asked.bench)
    lines, sharp = [], "not asked"
    if asked.part in (None, "operations"):
        lines += [OPERATIONS_HEAD] + operations(ours, asked.work, asked.rounds, asked.only)
    if asked.part in (None, "jobs"):
        lines += [JOBS_HEAD] + jobs(ours, asked.work, asked.rounds, asked.only)
    if asked.part in (None, "thumbnails"):
        lines.append(THUMBNAILS_HEAD)
        for name in SOURCES:
            made, sharp = thumbnails(ours, asked.work, asked.rounds, name)
            lines += made
    if asked.part in (None, "faults"):
        lines += [FAULTS_HEAD.rstrip() + "\n"] + faults(ours, asked.work)
    if not asked.part and not asked.only:
        asked.report.write_text("\n".join([HEAD] + conditions(sharp, asked.rounds) + lines) + "\n")


if __name__ == "__main__":
    main()
