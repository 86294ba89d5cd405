"""What a measurement was made on, for the table at the head of a report."""

import datetime
import os
import pathlib
import platform
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def said(*line):
    """The first line that a program prints, or nothing if it cannot be had."""
    try:
        done = subprocess.run(line, capture_output=True, text=True, cwd=HERE)
        lines = (done.stdout or done.stderr).splitlines()
    except OSError:
        lines = []
    return lines[0].strip() if lines else ""


def hardware():
    facts = open("/proc/cpuinfo").read()
    named = next((line.split(":")[1].strip() for line in facts.splitlines() if "model name" in line), "")
    best = "AVX-512" if "avx512bw" in facts else "AVX2" if "avx2" in facts else "no AVX2"
    return f"{named}, {os.cpu_count()} cores, {best}"


def system():
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def ours():
    return f"commit {said('git', 'rev-parse', '--short', 'HEAD')}, {said('rustc', '--version')}"


def today():
    return str(datetime.date.today())


def table(rows):
    return ["| | |", "|---|---|"] + [f"| {name} | {value} |" for name, value in rows]
