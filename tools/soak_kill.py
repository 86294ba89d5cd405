"""Photographs under kill -9: soak_kill.py PIXMILL PHOTOS WORK_DIRECTORY.

Runs once undisturbed, then once with a worker killed every second and the parent three times, and
compares what came out: every file byte for byte, and the results, one a job.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

RECIPE = "thumb = resize:256 -> jpeg; web = resize:1200 | blur:9 -> jpeg:q=82"
PARENT_KILLS = 3


def command(pixmill, photos, out):
    return [pixmill, "run", photos, "--recipe", RECIPE, "--out", out, "--max-attempts", "7", "--json"]


def workers_of(parent):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[1] == str(parent) and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def files(root):
    paths = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path for path in paths if ".pixmill" not in path.parts}


def results(out):
    return list((out / ".pixmill/objects/results").glob("*/*.json"))


def start(line):
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def disturbed(line, out, jobs):
    """Runs it to its end through all the killing; returns how many of each were killed."""
    dice = random.Random(9)
    workers_killed = parents_killed = 0
    began = time.monotonic()
    run = start(line)
    while True:
        try:
            run.wait(timeout=1)
            break
        except subprocess.TimeoutExpired:
            pass
        if time.monotonic() - began > 1800:
            run.kill()
            sys.exit("it hangs: no end within half an hour")
        due = (parents_killed + 1) * jobs // (PARENT_KILLS + 1)
        if parents_killed < PARENT_KILLS and len(results(out)) >= due:
            run.kill()
            run.wait()
            parents_killed += 1
            run = start(line)
            continue
        workers = workers_of(run.pid)
        if workers:
            workers_killed += kill(dice.choice(workers))
    if run.returncode != 0:
        sys.exit(f"the run ended with {run.returncode}: {run.stdout.read().decode()}")
    return workers_killed, parents_killed, time.monotonic() - began


def main(pixmill, photos, work):
    jobs = len(list(pathlib.Path(photos).iterdir()))
    calm, killed = work / "undisturbed", work / "killed"
    for out in (calm, killed):
        shutil.rmtree(out, ignore_errors=True)
    began = time.monotonic()
    subprocess.run(command(pixmill, photos, calm), check=True, stdout=subprocess.DEVNULL)
    print(f"undisturbed: {jobs} photographs in {time.monotonic() - began:.1f} s")

    workers, parents, seconds = disturbed(command(pixmill, photos, killed), killed, jobs)
    print(f"disturbed: {workers} workers and {parents} parents killed; done after {seconds:.1f} s")

    one, other = files(calm), files(killed)
    differing = [name for name in one if name in other and one[name].read_bytes() != other[name].read_bytes()]
    strays = sorted(set(one) ^ set(other))
    documents = [json.loads(path.read_text()) for path in results(killed)]
    ids = {document["id"] for document in documents}
    states = {state: sum(d["state"] == state for d in documents) for state in sorted({d["state"] for d in documents})}
    print(f"outputs: {len(other)}, of which {len(differing)} differ and {len(strays)} are missing or too many")
    print(f"results: {len(documents)} documents for {jobs} jobs, {states}")
    print(f"received more than once: {sum(d['receives'] > 1 for d in documents)} jobs")
    if differing or strays or len(documents) != jobs or len(ids) != jobs or states != {"done": jobs}:
        sys.exit("NOT as an undisturbed run")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))
