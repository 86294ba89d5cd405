"""What the queue costs: soak_pairs.py PIXMILL BARE_LOOP PHOTOS WORK_DIRECTORY [PAIRS].

The same photographs by a bare loop and through `pixmill run`, alternating, on as many cores. Where
other work goes on beside it, the times on the clock say little; it prints how much there was. The
time on the cores, of all processes together, suffers less from that.
"""

import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import time

RECIPE = "thumb = resize:256 -> jpeg; web = resize:1200 | blur:9 -> jpeg:q=82"


QUIET = 0.5
PATIENCE_SECONDS = 120


def cores_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def timed(line):
    """The seconds on the clock and on the cores."""
    os.sync()
    spent, began = cores_seconds(), time.monotonic()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began, cores_seconds() - spent


def wait_for_quiet():
    """Waits, not for ever, until nobody else works here; returns how much others do."""
    until = time.monotonic() + PATIENCE_SECONDS
    while os.getloadavg()[0] > QUIET and time.monotonic() < until:
        time.sleep(5)
    return os.getloadavg()[0]


def main(pixmill, bare_loop, photos, work, pairs):
    cores = str(len(os.sched_getaffinity(0)))
    lines = {
        "bare": lambda out: [bare_loop, photos, RECIPE, out, cores],
        "run": lambda out: [pixmill, "run", photos, "--recipe", RECIPE, "--out", out, "--jobs", cores],
    }
    # Nothing is removed between the measures: file systems are slow where much was just deleted.
    work = work / "pairs"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    load = wait_for_quiet()
    print(f"load average of other work when it began: {load:.1f}")
    measures = {"bare": [], "run": []}
    for pair in range(pairs + 1):
        order = ["bare", "run"] if pair % 2 == 0 else ["run", "bare"]
        for which in order:
            out = work / f"{which}-{pair}"
            measure = timed(lines[which](out))
            if pair > 0:  # The first pair warms the page cache.
                measures[which].append(measure)
    for path in (work / f"bare-{pairs}").iterdir():
        if path.read_bytes() != (work / f"run-{pairs}" / path.name).read_bytes():
            sys.exit(f"{path.name} differs between the two")
    shutil.rmtree(work)
    for kind, what in enumerate(["on the clock", "on the cores"]):
        seconds = {which: [m[kind] for m in measured] for which, measured in measures.items()}
        for which, times in seconds.items():
            median = statistics.median(times)
            print(f"{which}, {what}: median {median:.2f} s of", ", ".join(f"{t:.2f}" for t in times))
        ratio = statistics.median(seconds["bare"]) / statistics.median(seconds["run"])
        note = "" if load <= QUIET or kind == 1 else " (the machine was busy: no measure of the queue)"
        print(f"bare/run, {what}: {ratio:.3f}{note}")


if __name__ == "__main__":
    pairs = int(sys.argv[5]) if len(sys.argv) > 5 else 5
    main(sys.argv[1], sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4]), pairs)
