"""`pixmill run` in a world that breaks under it: faults_run.py PIXMILL WORK SECONDS [SEED].

Round after round, one kind of fault each: sources that are changed, cut or removed; the state's databases
locked, emptied, cut, overwritten or removed; few descriptors, little memory; a disk that is full or
read-only for a while. A run has to end in its time, with a word about what is wrong if it could not go on;
nothing that it made may be anything else than what comes out undisturbed; and once all is well, the
command given again has to bring everything to its end.
"""

import collections
import contextlib
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

from faulty import OUTPUTS, RECIPE, children_of, digest, expected, locked, results_of, samples, signalled

INPUTS = 40
BOUND = 240
DATABASES = ("queue.sqlite", "store.sqlite")
FILLER = "filler"
WITHOUT_ROOTS_RIGHTS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]


class Broken(Exception):
    """A promise that was not kept."""


class Place:
    """Inputs and outputs of a round, and what is in each input."""

    def __init__(self, pixmill, work, undisturbed, dice):
        self.pixmill, self.undisturbed, self.dice = pixmill, undisturbed, dice
        self.path = work / "round"
        shutil.rmtree(self.path, ignore_errors=True)
        self.inputs, self.out = self.path / "in", self.path / "out"
        # Where we see what the run sees as `out`.
        self.view = self.out
        self.inputs.mkdir(parents=True)
        names = list(samples())
        self.content = {}
        for number in range(INPUTS):
            self.put(f"{number:03}", dice.choice(names))

    @property
    def state(self):
        return self.view / ".pixmill"

    def put(self, stem, sample):
        """Puts a sample under a name; all are read alike, whatever their names end in."""
        path = self.inputs / f"{stem}.jpg"
        path.write_bytes(samples()[sample])
        self.content[path.name] = sample

    def start(self, flags=(), prefix=(), limit=None):
        line = [*prefix, self.pixmill, "run", self.inputs, "--recipe", RECIPE, "--out", self.out, "--json"]
        line += ["--jobs", "2", "--visibility", "3s", "--max-attempts", "7", *flags]
        pipe = subprocess.PIPE
        return subprocess.Popen(line, stdout=pipe, stderr=pipe, preexec_fn=limit, text=True)

    def end(self, run, codes):
        """Waits for the end of a run, which has one of these codes."""
        try:
            stdout, stderr = run.communicate(timeout=BOUND)
        except subprocess.TimeoutExpired:
            for process in [*children_of(run.pid), run.pid]:
                signalled(process, signal.SIGKILL)
            raise Broken(f"a run hangs: no end within {BOUND} s") from None
        if run.returncode not in codes:
            raise Broken(f"a run ended with {run.returncode}: {stdout[-500:]}{stderr[-1500:]}")
        return run.returncode, stdout + stderr

    def until_some(self, run, share=0.3):
        """Waits until a part of the work is done, or the run is over."""
        wanted = self.dice.uniform(0, share) * INPUTS
        began = time.monotonic()
        while run.poll() is None and len(results_of(self.state)) < wanted and time.monotonic() - began < 60:
            time.sleep(0.02)

    def check_outputs(self, allowed=None):
        """Every output is one of an undisturbed run: of what its input holds, or once held."""
        for path in self.outputs():
            stem, _, kind = path.stem.rpartition("-")
            name = f"{stem}.jpg"
            if name not in self.content or path.suffix[1:] != OUTPUTS.get(kind):
                raise Broken(f"an output that nobody asked for: {path.name}")
            contents = {self.content[name], *(allowed or {}).get(name, ())}
            if digest(path.read_bytes()) not in {self.undisturbed[content][kind] for content in contents}:
                raise Broken(f"{path.name} is not as undisturbed")

    def outputs(self):
        return [path for path in self.view.glob("*") if path.is_file() and path.name != FILLER]

    def check_complete(self):
        self.check_outputs()
        if len(self.outputs()) != INPUTS * len(OUTPUTS):
            raise Broken(f"{len(self.outputs())} outputs of {INPUTS} inputs")

    def finish(self, flags=(), rounds=3):
        """Gives the command again until all is done, and looks at everything."""
        for _ in range(rounds):
            code, said = self.end(self.start(flags), (0, 1))
            if code == 0:
                break
        else:
            raise Broken(f"it is not done though all is well: {said[-1500:]}")
        self.check_complete()


def sources(place):
    """Inputs that are changed, cut, removed, or written to in place while the run reads them."""
    run, dice = place.start(), place.dice
    blows, allowed = collections.Counter(), collections.defaultdict(set)
    # What is gone before the run has looked is no input.
    while run.poll() is None and not results_of(place.state):
        time.sleep(0.02)
    while run.poll() is None:
        path = place.inputs / dice.choice(list(place.content))
        allowed[path.name].add(place.content[path.name])
        sample = dice.choice(list(samples()))
        content = samples()[sample]
        blow = dice.choice(["replaced", "written to in place", "cut", "removed", "grown"])
        with contextlib.suppress(FileNotFoundError):
            if blow == "replaced":
                aside = place.path / "aside"
                aside.write_bytes(content)
                aside.rename(path)
                place.content[path.name] = sample
            elif blow == "written to in place":
                with open(path, "r+b") as file:
                    file.write(content[: len(content) // 2])
                    file.flush()
                    time.sleep(dice.uniform(0, 0.02))
                    file.write(content[len(content) // 2 :])
                    file.truncate()
                place.content[path.name] = sample
            elif blow == "cut":
                os.truncate(path, dice.randrange(path.stat().st_size + 1))
            elif blow == "removed":
                path.unlink()
            else:
                with open(path, "ab") as file:
                    file.write(b"\0" * dice.randrange(1, 9000))
            allowed[path.name].add(place.content[path.name])
            blows[f"sources {blow}"] += 1
        time.sleep(dice.uniform(0, 0.05))
    place.end(run, (0, 1))
    results = collections.Counter(d["job"]["source"]["key"] for d in results_of(place.state).values())
    if len(results) != INPUTS or set(results.values()) != {1}:
        raise Broken(f"{sum(results.values())} results for {INPUTS} inputs")
    place.check_outputs(allowed)
    # The writers have finished: what was made of anything else is made again.
    for name in list(place.content):
        place.put(name.split(".")[0], place.content[name])
    place.finish()
    return blows


def state(place):
    """The state's databases locked, emptied, cut, overwritten or removed."""
    run, dice = place.start(), place.dice
    place.until_some(run)
    path = place.state / dice.choice(DATABASES)
    blow = dice.choice(["locked for long", "emptied", "cut", "overwritten", "removed", "all removed"])
    if run.poll() is not None or not path.exists():
        blow = "left alone"
    elif blow == "locked for long":
        locked(path, dice.uniform(1, 30))
    elif blow == "emptied":
        os.truncate(path, 0)
    elif blow == "cut":
        os.truncate(path, dice.randrange(1, path.stat().st_size + 1))
    elif blow == "overwritten":
        with open(path, "r+b") as file:
            file.write(dice.randbytes(path.stat().st_size))
    elif blow == "removed":
        path.unlink()
    else:
        # The run goes on making files meanwhile.
        shutil.rmtree(place.state, ignore_errors=True)
    is_kind = blow in ("left alone", "locked for long")
    code, said = place.end(run, (0,) if is_kind else (0, 1, 2, 3))
    if code in (2, 3) and not any(word in said for word in ("sqlite", "database", str(place.state))):
        raise Broken(f"a run ended with {code} and does not say why: {said[-1500:]}")
    place.check_outputs()
    if not is_kind:
        # What a person does who reads that: the file is beyond repair, and the run can do without.
        shutil.rmtree(place.state, ignore_errors=True)
    place.finish(() if is_kind else ("--overwrite",))
    return {f"{path.name} {blow}": 1}


def limits(place):
    """Few descriptors, or little memory for all processes together or for each."""
    dice = place.dice
    kind = dice.choice(["descriptors", "address space"])
    if kind == "descriptors":
        most, what = dice.choice([8, 12, 16, 20, 24, 32, 48]), resource.RLIMIT_NOFILE
    else:
        most, what = dice.choice([100, 200, 300, 500, 800]) << 20, resource.RLIMIT_AS
    run = place.start(limit=lambda: resource.setrlimit(what, (most, most)))
    code, said = place.end(run, (0, 1, 2, 3, 101, -signal.SIGABRT, 127))
    if code and not said.strip():
        raise Broken(f"a run of {most} {kind} ended with {code} and says nothing")
    place.check_outputs()
    place.finish()
    shown = most if kind == "descriptors" else f"{most >> 20} MiB of"
    return {f"runs with {shown} {kind}": 1, f"of those with limits ended with {code}": 1}


def disk(place):
    """A small disk that is full, or may not be written to, for a while: in a mount namespace of its own."""
    dice = place.dice
    place.out.mkdir()
    mount = f'mount -t tmpfs -o size=48m tmpfs "{place.out}" && exec sleep 600'
    began = time.monotonic()
    holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", mount], stderr=subprocess.DEVNULL)
    try:
        place.view = pathlib.Path(f"/proc/{holder.pid}/root{place.out}")
        while not is_other_disk(place.view):
            if holder.poll() is not None:
                return {"disks that cannot be mounted here": 1}
            if time.monotonic() - began > 30:
                raise Broken(f"a disk that was mounted is not seen at {place.view}")
            time.sleep(0.05)
        run = place.start(prefix=["nsenter", "--mount", f"--target={holder.pid}", *WITHOUT_ROOTS_RIGHTS])
        blows = collections.Counter()
        while run.poll() is None and sum(blows.values()) < 6:
            place.until_some(run, 1.0)
            if dice.random() < 0.5:
                blows["disks full for a while"] += 1
                fill(place.view / FILLER, dice)
                time.sleep(dice.uniform(0.5, 8))
                (place.view / FILLER).unlink(missing_ok=True)
            else:
                blows["directories read-only for a while"] += 1
                forbidden = [place.view, *(path for path in place.view.rglob("*") if path.is_dir())]
                for path in forbidden:
                    path.chmod(0o555)
                time.sleep(dice.uniform(0.5, 8))
                for path in forbidden:
                    path.chmod(0o755)
        place.end(run, (0,))
        place.check_complete()
        return blows
    finally:
        holder.kill()
        holder.wait()


def is_other_disk(path):
    with contextlib.suppress(OSError):
        return path.stat().st_dev != path.parent.stat().st_dev
    return False


def fill(path, dice):
    with contextlib.suppress(OSError), open(path, "wb") as file:
        while True:
            file.write(b"x" * 65536)
            file.flush()
    if dice.random() < 0.5:
        # Nearly full.
        with contextlib.suppress(OSError):
            os.truncate(path, max(0, path.stat().st_size - dice.randrange(1 << 18)))


FAULTS = (sources, state, limits, disk)


def main(pixmill, work, seconds, seed):
    print(f"seed {seed}", flush=True)
    work.mkdir(parents=True, exist_ok=True)
    # Both are named from within another mount namespace.
    pixmill, work = pathlib.Path(pixmill).resolve(), work.resolve()
    undisturbed = expected(pixmill, work)
    began, rounds, blows = time.monotonic(), collections.Counter(), collections.Counter()
    number = 0
    while number < len(FAULTS) or time.monotonic() - began < seconds:
        fault = FAULTS[number % len(FAULTS)]
        dice = random.Random(f"{seed}-{number}")
        try:
            blows.update(fault(Place(pixmill, work, undisturbed, dice)))
        except Broken as broken:
            sys.exit(f"NOT as promised, seed {seed}, round {number} ({fault.__name__}): {broken}")
        rounds[fault.__name__] += 1
        number += 1
    print(f"{number} rounds of {INPUTS} pictures,", dict(rounds))
    for what, count in sorted(blows.items()):
        print(f"{count:6} {what}")
    print("every run ended in its time; every output is one of an undisturbed run; all was done in the end")


if __name__ == "__main__":
    chosen = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
    main(sys.argv[1], pathlib.Path(sys.argv[2]), float(sys.argv[3]), chosen)
