"""Measures the finished pipeline beside what people would use instead: the program of
`make bench-pipeline`, which sets up what it needs.

Usage: benches/pipeline --pixmill PROGRAM --work DIRECTORY [--part PART]… Each part measures one thing
and writes its section of benches/PIPELINE.md, or of benches/API.md; the others stay as they were.
"""

import argparse
import importlib
import os
import pathlib
import shutil
import time

import machine
import report
from bench import Bench

PARTS = ["thumbnails", "prototype", "efficiency", "million", "api", "cold", "aws"]
LONGEST_SECONDS = 240


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pixmill", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--prepare", action="store_true", help="only make what is missing")
    asked = parser.parse_args()
    bench = Bench(asked.pixmill.resolve(), asked.work.resolve())
    scratch = bench.scratch
    for name in asked.part or PARTS:
        part = importlib.import_module(f"{name}_part")
        part.prepare(bench)
        if not asked.prepare:
            bench.scratch = scratch / name
            measure(part, name, bench)
    # Last: file systems are slow for minutes where much was just deleted.
    shutil.rmtree(scratch, ignore_errors=True)


def measure(part, name, bench):
    bench.scratch.mkdir(parents=True)
    os.sync()
    load, begun = os.getloadavg()[0], time.monotonic()
    lines = part.run(bench)
    seconds = time.monotonic() - begun
    rows = [("Machine", machine.hardware()), ("System", machine.system()),
            ("pixmill", machine.ours()), *part.versions(bench),
            ("Load of other work when it began, and seconds that it took", f"{load:.1f}, {seconds:.0f}"),
            ("Date", machine.today()),
            ("Command", f"`make bench-pipeline PART={name}`{bench.variables()}")]
    report.write(name, [part.__doc__.strip(), ""] + machine.table(rows) + [""] + lines)
    if seconds > LONGEST_SECONDS:
        print(f"{name} took {seconds:.0f} s, longer than a part should")


if __name__ == "__main__":
    main()
