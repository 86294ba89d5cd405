"""## Accepted uploads

How many pictures a second `POST /v1/jobs` accepts, one picture a request: each is in the store and in
the queue when it is answered with 202. *Alone* nobody works on them; *beside* a consumer grinds what is
accepted on the same cores; *saturated* is `pixmill up` whose workers are all busy with photographs of 2.8
megapixels, which were there before. *Refused* are answers with another status: the server takes 32
uploads at a time and tells more of them to come again (503 `busy`). *Broken* are connections that ended
without an answer, as when one is refused that has not sent everything yet. *MB* is the most memory that
the server has had. Load and server share the cores: figures of one row count against those of the
others, first of all against `GET /health`, which does nothing at all."""

import contextlib
import subprocess

import load
from machine import said
from programs import memory_mb, pixmill, running, until
from report import table

TARGET = "/v1/jobs?recipe=resize:64"
BACKLOG = 400
# What works beside it, how many connections, and the sides of the picture.
ROWS = [("alone", 1, (160, 107)), ("alone", 8, (160, 107)), ("alone", 32, (160, 107)), ("alone", 128, (160, 107)),
        ("beside", 8, (160, 107)), ("alone", 8, (1600, 1067)), ("saturated", 8, (160, 107)),
        ("saturated", 8, (640, 427))]


def prepare(bench):
    bench.thumbs()
    for _, _, size in ROWS:
        picture(bench, size)


def picture(bench, size):
    return next(bench.photographs("upload-{}x{}".format(*size), *size, 2, 1).iterdir())


def versions(bench):
    return [("Load", f"{said('wrk', '-v').split(' Copyright')[0]}, one thread, on the same cores, "
                     f"{bench['SECONDS_EACH']} s a row")]


@contextlib.contextmanager
def server(bench, how, data):
    """A pipeline that somebody works on or nobody: its server's process and address."""
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        if how != "saturated":
            process, url = enter(pixmill(bench, "producer", data))
            if how == "beside":
                line = [bench.pixmill, "consumer", "--data", data]
                enter(running(line, data.with_suffix(".worker.log")))
        else:
            process, url = enter(pixmill(bench, "up", data, "--min", str(bench.cores)))
            photographs = sorted(bench.thumbs().iterdir())
            while len(photographs) < BACKLOG:
                photographs += photographs
            submit = [bench.pixmill, "submit", "--data", data, "--recipe", "edges -> png", *photographs[:BACKLOG]]
            subprocess.run(submit, check=True, stdout=subprocess.DEVNULL)
            until("the first result", lambda: next((data / "objects" / "results").glob("*/*.json"), None))
        yield process, url


def run(bench):
    rows, seconds = [], bench["SECONDS_EACH"]
    with server(bench, "alone", bench.scratch / "health") as (process, url):
        answers = load.apply(url, "/health", 16, seconds)
        rows.append(row("alone", 16, "`GET /health`", answers, process))
    for number, (how, connections, size) in enumerate(ROWS):
        image = picture(bench, size).read_bytes()
        body = load.write(bench.scratch / f"body-{number}", [b"image/jpeg\n" + image])
        with server(bench, how, bench.scratch / f"{how}-{number}") as (process, url):
            answers = load.apply(url, TARGET, connections, seconds, body)
            rows.append(row(how, connections, f"{len(image):,}", answers, process))
    head = ("Fleet", "connections", "bytes a picture", "accepted a second", "p50 ms", "p99 ms", "max ms",
            "refused", "broken", "MB")
    return table(head, rows)


def row(how, connections, what, answers, process):
    return (how, connections, what, f"{answers.rate:.0f}", f"{answers.half:.1f}", f"{answers.of_99:.1f}",
            f"{answers.longest:.1f}", answers.refused, answers.broken, f"{memory_mb(process):.0f}")
