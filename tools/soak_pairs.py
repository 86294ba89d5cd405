"""What the queue costs: soak_pairs.py PIXMILL BARE_LOOP PHOTOS WORK_DIRECTORY [PAIRS].

The same photographs by a bare loop and through `pixmill run`, alternating, on as many cores.
"""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

RECIPE = "thumb = resize:256 -> jpeg; web = resize:1200 | blur:9 -> jpeg:q=82"


def timed(line, out):
    shutil.rmtree(out, ignore_errors=True)
    os.sync()
    began = time.monotonic()
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def main(pixmill, bare_loop, photos, work, pairs):
    cores = str(len(os.sched_getaffinity(0)))
    lines = {
        "bare": [bare_loop, photos, RECIPE, work / "bare", cores],
        "run": [pixmill, "run", photos, "--recipe", RECIPE, "--out", work / "run", "--jobs", cores],
    }
    seconds = {"bare": [], "run": []}
    for pair in range(pairs + 1):
        order = ["bare", "run"] if pair % 2 == 0 else ["run", "bare"]
        for which in order:
            took = timed(lines[which], work / which)
            if pair > 0:  # The first pair warms the page cache.
                seconds[which].append(took)
    for path in (work / "bare").iterdir():
        if path.read_bytes() != (work / "run" / path.name).read_bytes():
            sys.exit(f"{path.name} differs between the two")
    median = {which: statistics.median(times) for which, times in seconds.items()}
    for which, times in seconds.items():
        print(f"{which}: median {median[which]:.2f} s of", ", ".join(f"{t:.2f}" for t in times))
    ratios = [bare / run for bare, run in zip(seconds["bare"], seconds["run"])]
    print(f"bare/run: {median['bare'] / median['run']:.3f} by medians, {statistics.median(ratios):.3f} by pairs")


if __name__ == "__main__":
    pairs = int(sys.argv[5]) if len(sys.argv) > 5 else 5
    main(sys.argv[1], sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4]), pairs)
