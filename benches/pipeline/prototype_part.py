"""## `POST /process_image`, beside a server of the prototype's design

The prototype's eight operations over mixed JPEGs and PNGs of one megapixel, an output of the kind of
its input: `pixmill up`, where a request goes through the store, the queue and a worker and ends in a
result, and a Flask + OpenCV server that saves the upload, processes it while the client waits, puts it
to S3 (the emulator of our tests, on the same cores) and answers with a link, as the prototype did. To
show what of the difference is the emulator's, the same server is measured with a directory in place of
S3. Flask answers each request by a thread of its own, OpenCV has as many threads as it likes. Before
anything is timed, both are asked everything once, and of PNGs the pixels compared. *Ratio* is ours over
theirs in requests a second, the median of rounds in which all ran in turn, with all of its spread."""

import contextlib
import json
import pathlib
import statistics
import sys
import urllib.request

import cv2
import numpy as np
from PIL import Image

import load
import photos
from machine import said
from pairs import Pair, in_turn
from programs import AWS, answers, emulator, free_port, pixmill, running, until
from report import table

HERE = pathlib.Path(__file__).resolve().parent
OPERATIONS = ["color_inversion", "grayscale", "blur", "edge_detection", "thresholding", "line_detection",
              "frame_contour_detection", "morphological_operations"]
CONNECTIONS = (1, 8)


def prepare(bench):
    pictures(bench)


def pictures(bench):
    """A photograph, as JPEG and as PNG."""
    jpeg = photos.jpegs(bench.work / "originals" / "medium", 1152, 864, 1, 1)[0]
    png = jpeg.with_suffix(".png")
    if not png.exists():
        Image.open(jpeg).save(png)
    return [jpeg, png]


def versions(bench):
    import flask
    return [("Peers", f"Flask {flask.__version__} and OpenCV {cv2.__version__}"),
            ("Load", said("wrk", "-v").split(" Copyright")[0] + ", one thread, on the same cores")]


def forms(bench):
    return [(operation, path.suffix, load.form(path.read_bytes(), path.name, operation=operation,
                                               output_name=f"{operation}{path.suffix}", s3_bucket="pictures"))
            for operation in OPERATIONS for path in pictures(bench)]


def asked(url, body):
    kind, _, form = body.partition(b"\n")
    request = urllib.request.Request(f"{url}/process_image", form, {"Content-Type": kind.decode()})
    with urllib.request.urlopen(request, timeout=60) as answer:
        link = json.load(answer)["download_link"]
    with urllib.request.urlopen(link) as made:
        return cv2.imdecode(np.frombuffer(made.read(), np.uint8), cv2.IMREAD_UNCHANGED)


def compare(bench, ours, theirs):
    """Both make the same of every form."""
    for operation, suffix, body in forms(bench):
        mine, other = asked(ours, body), asked(theirs, body)
        if mine.shape != other.shape or (suffix == ".png" and not np.array_equal(mine, other)):
            raise SystemExit(f"{operation} of a {suffix} is not the same")


@contextlib.contextmanager
def servers(bench):
    kept = bench.scratch / "kept"
    kept.mkdir()
    with contextlib.ExitStack() as stack:
        _, ours = stack.enter_context(pixmill(bench, "up", bench.scratch / "up", "--min", str(bench.cores)))
        made = {"pixmill up": ours}
        for name, store in (("Flask, S3", stack.enter_context(emulator(bench))), ("Flask, directory", kept)):
            port = free_port()
            line = [sys.executable, HERE / "flask_server.py", port, store]
            stack.enter_context(running(line, bench.scratch / f"{name}.log", **AWS))
            made[name] = f"http://127.0.0.1:{port}"
            until(name, lambda: answers(made[name]), pause=0.05)
        yield made


def run(bench):
    bodies = load.write(bench.scratch / "forms", [body for _, _, body in forms(bench)])
    rows = []
    with servers(bench) as urls:
        names = list(urls)
        for name in names[1:]:
            compare(bench, urls[names[0]], urls[name])
        for connections in CONNECTIONS:
            sides = [lambda url=url: load.apply(url, "/process_image", connections, bench["SECONDS_EACH"], bodies)
                     for url in urls.values()]
            rows += compared(connections, names, in_turn(sides, bench["ROUNDS"]))
    head = ("Clients", "Peer", "pixmill, a second", "peer, a second", "ratio", "spread",
            "pixmill, ms of half and of 99 in 100", "peer, ms")
    return table(head, rows)


def compared(connections, names, measured):
    for answers_ in measured:
        if any(answer.refused or answer.broken for answer in answers_):
            raise SystemExit(f"not every request was answered: {answers_}")
    seconds = [[1 / answer.rate for answer in answers_] for answers_ in measured]
    of = lambda side, what: statistics.median(getattr(answer, what) for answer in measured[side])
    latency = lambda side: f"{of(side, 'half'):.0f}, {of(side, 'of_99'):.0f}"
    rows = []
    for which, name in enumerate(names):
        if which:
            pair = Pair(seconds[0], seconds[which])
            rows.append((connections, name, f"{of(0, 'rate'):.1f}", f"{of(which, 'rate'):.1f}",
                         f"**{pair.ratio:.2f}**", pair.spread, latency(0), latency(which)))
    return rows
