"""What the campaigns of faults share: the program's processes, blows to them, and what is left in the end.

The checks read what anybody can read: results and outputs in the store, the queue by `pixmill status`.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

RECIPE = "thumb = resize:256 -> jpeg; soft = blur:31 | resize:500 -> jpeg; gray = grayscale -> png"
OUTPUTS = {"thumb": "jpg", "soft": "jpg", "gray": "png"}
SAMPLES = pathlib.Path(__file__).resolve().parent.parent / "samples"


def samples():
    """Real pictures by name."""
    return {path.name: path.read_bytes() for path in sorted(SAMPLES.rglob("*")) if path.suffix in (".jpg", ".png")}


def digest(content):
    return hashlib.sha256(content).hexdigest()


def expected(pixmill, work):
    """What comes out of each sample undisturbed: the digests of its outputs by their names."""
    place = work / "undisturbed"
    shutil.rmtree(place, ignore_errors=True)
    (place / "in").mkdir(parents=True)
    for name, content in samples().items():
        (place / "in" / name).write_bytes(content)
    line = [pixmill, "run", place / "in", "--recipe", RECIPE, "--out", place / "out"]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    results = results_of(place / "out/.pixmill")
    name = lambda document: pathlib.Path(document["job"]["source"]["key"]).name
    return {name(d): {o["name"]: o["sha256"] for o in d["outputs"]} for d in results.values()}


def results_of(data):
    """The result documents of a pipeline on this machine, by batch and id."""
    found = {}
    for path in (data / "objects/results").glob("*/*.json"):
        with contextlib.suppress(FileNotFoundError):
            found[f"{path.parent.name}/{path.stem}"] = json.loads(path.read_bytes())
    return found


def signalled(process, number):
    """Sends a signal; whether there was somebody to get it."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return False
    return True


def is_alive(process):
    try:
        state = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1][0]
    except OSError:
        return False
    return state not in "ZX"


def children_of(parent):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if fields[1] == str(parent) and fields[0] not in "ZX":
                found.append(int(stat.parent.name))
    return found


def locked(database, seconds):
    """Holds a database's write lock for so long, as any program of this machine can."""
    with contextlib.suppress(sqlite3.OperationalError):
        other = sqlite3.connect(database, timeout=2, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            other.execute("ROLLBACK")
        finally:
            other.close()


class Neighbours:
    """Programs that take every core, twice."""

    def __init__(self):
        line = [sys.executable, "-c", "while True: pass"]
        self.processes = [subprocess.Popen(line) for _ in range(2 * os.cpu_count())]

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


class Role:
    """A command of the program that is started anew whenever it has ended."""

    def __init__(self, line, log):
        self.line, self.log, self.process = line, log, None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.line, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def keep(self):
        """Starts it if it does not run; whether it had to."""
        if self.process is None or self.process.poll() is not None:
            self.start()
            return True
        return False

    def signal(self, number):
        return self.process is not None and self.process.poll() is None and signalled(self.process.pid, number)

    def end(self, patience=60):
        if self.process is None or self.process.poll() is not None:
            return
        signalled(self.process.pid, signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            sys.exit(f"it hangs: no end within {patience} s: {self.line}")


def until(what, seconds, holds):
    """Looks until it holds, and gives up loudly."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            sys.exit(f"NOT within {seconds} s: {what}")
        time.sleep(0.2)
    return time.monotonic() - began


def judge(wrong):
    """Ends with what is not as promised, if anything is: pairs of words and whether it is so."""
    found = [what for what, is_so in wrong if is_so]
    if found:
        sys.exit("NOT as promised: " + ", ".join(found))
