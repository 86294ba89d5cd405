"""A pipeline of roles on one machine under fire: faults_roles.py PIXMILL WORK SECONDS [SEED].

Clients send pictures to the HTTP API, a controller sizes a fleet of workers, and meanwhile all three
are killed, stopped and continued at random, other programs hold the databases' locks and take all
cores. Then everything is left alone, and each picture that was accepted has to have exactly one result,
with the outputs of an undisturbed run, an empty queue and a fleet that goes home.
"""

import collections
import json
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from faulty import (
    OUTPUTS, RECIPE, Neighbours, Role, digest, expected, is_alive, judge, locked, results_of, samples, signalled, until,
)

VISIBILITY = 3
CLIENTS = 3
BACKLOG = 60
HEALED = 300


class World:
    def __init__(self, pixmill, work):
        self.pixmill, self.data = pixmill, work / "roles-data"
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        data = ["--data", str(self.data)]
        self.producer = Role([pixmill, "producer", *data, "--listen", f"127.0.0.1:{self.port}"], work / "producer.log")
        sizing = ["--min", "1", "--max", "3", "--interval", "500ms", "--boot", "1s", "--target-latency", "5s"]
        work_flags = ["--visibility", f"{VISIBILITY}s", "--max-attempts", "7", "--drain-timeout", "5s"]
        self.controller = Role([pixmill, "controller", *data, *sizing, *work_flags], work / "controller.log")
        self.accepted, self.unanswered = {}, 0
        self.is_over = threading.Event()
        self.first_seen, self.replaced = {}, []

    def send(self, client):
        """One picture after the other, each as often as it takes to be told that it is accepted."""
        pictures = list(samples().items())
        number = 0
        while not self.is_over.is_set():
            if len(self.accepted) - len(self.first_seen) > BACKLOG:
                time.sleep(0.05)
                continue
            name, content = pictures[(number + client) % len(pictures)]
            key = f"{client}-{number}"
            query = urllib.parse.urlencode({"recipe": RECIPE, "name": name})
            while True:
                answer = self.ask(f"/v1/jobs?{query}", content, key)
                if answer is not None:
                    break
                self.unanswered += 1
                time.sleep(0.05)
            for job in answer["jobs"]:
                self.accepted[f"{answer['batch']}/{job['id']}"] = name
            number += 1

    def ask(self, path, body, key):
        """What is answered with 202; nothing, if nobody answers that."""
        headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": key}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer) if answer.status == 202 else None
        except (OSError, ValueError):
            return None

    def watch(self):
        """Looks at the results again and again: one that is an end stays as it is."""
        while not self.is_over.is_set():
            self.look()
            time.sleep(0.5)

    def look(self):
        for job, document in results_of(self.data).items():
            known = self.first_seen.setdefault(job, document)
            if known != document:
                # The dead may be redriven; nothing else gives way.
                if known["state"] not in ("dead", "redriven"):
                    self.replaced.append(job)
                self.first_seen[job] = document

    def workers(self):
        found = []
        for path in (self.data / "fleet/instances").glob("*/pid"):
            try:
                process = int(path.read_text())
            except (OSError, ValueError):
                continue
            if is_alive(process) and b"consumer" in cmdline(process):
                found.append(process)
        return found

    def status(self):
        line = [self.pixmill, "status", "--data", str(self.data), "--json"]
        return json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout)


def cmdline(process):
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def later(seconds, work):
    timer = threading.Timer(seconds, work)
    timer.start()
    return timer


def rage(world, seconds, dice):
    """Blows for so long; how many of each kind."""
    blows, timers = collections.Counter(), []

    def worker(what, number, then=None):
        workers = world.workers()
        if not workers:
            return
        victim = dice.choice(workers)
        blows[what] += signalled(victim, number)
        if then is not None:
            timers.append(later(then, lambda: signalled(victim, signal.SIGCONT)))

    def role(what, of, number, then=None):
        blows[what] += of.signal(number)
        if then is not None:
            victim = of.process.pid
            timers.append(later(then, lambda: signalled(victim, signal.SIGCONT)))

    def lock(name):
        held = dice.uniform(0.1, 5 * VISIBILITY)
        timers.append(later(0, lambda: locked(world.data / f"{name}.sqlite", held)))
        blows[f"{name}.sqlite locked by somebody else"] += 1

    def neighbours():
        others = Neighbours()
        timers.append(later(dice.uniform(2, 6), others.end))
        blows["neighbours that take all cores"] += 1

    long = lambda: dice.uniform(0.5, 3 * VISIBILITY)
    kinds = [
        (12, lambda: worker("workers killed", signal.SIGKILL)),
        (4, lambda: worker("workers stopped and continued", signal.SIGSTOP, long())),
        (2, lambda: worker("workers stopped for good", signal.SIGSTOP)),
        (2, lambda: worker("workers told to drain", signal.SIGTERM)),
        (5, lambda: role("producers killed", world.producer, signal.SIGKILL)),
        (1, lambda: role("producers stopped and continued", world.producer, signal.SIGSTOP, long())),
        (5, lambda: role("controllers killed", world.controller, signal.SIGKILL)),
        (2, lambda: role("controllers stopped and continued", world.controller, signal.SIGSTOP, long())),
        (1, lambda: lock("queue")),
        (1, lambda: lock("store")),
        (1, neighbours),
    ]
    until_then = time.monotonic() + seconds
    while time.monotonic() < until_then:
        dice.choices([blow for _, blow in kinds], [share for share, _ in kinds])[0]()
        time.sleep(dice.uniform(0.05, 1.0))
        world.producer.keep()
        world.controller.keep()
    for timer in timers:
        timer.join()
    return blows


def heal(world):
    """Lets everything come to its end; how long that took, and how often the dead were redriven."""
    for process in world.workers():
        signalled(process, signal.SIGCONT)
    redriven = 0

    def is_over():
        nonlocal redriven
        world.controller.keep()
        world.look()
        states = collections.Counter(document["state"] for document in world.first_seen.values())
        ended = states["done"] + states["failed"] + states["dead"]
        if ended < len(world.accepted) or states["redriven"]:
            return False
        if states["dead"]:
            line = [world.pixmill, "dead", "redrive", "--all", "--data", str(world.data)]
            subprocess.run(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            redriven += states["dead"]
            return False
        queue = world.status()["queue"]
        return not any(queue[what] for what in ("visible", "in_flight", "delayed"))

    return until("an end of every job and an empty queue", HEALED, is_over), redriven


def check(world, undisturbed):
    results = results_of(world.data)
    states = collections.Counter(document["state"] for document in results.values())
    wrong = []
    for job, name in world.accepted.items():
        for output in results.get(job, {}).get("outputs", []):
            path = world.data / "objects" / output["key"]
            content = path.read_bytes() if path.is_file() else b""
            if not digest(content) == output["sha256"] == undisturbed[name][output["name"]]:
                wrong.append(output["key"])
    outputs = sum(len(document.get("outputs", [])) for document in results.values())
    print(f"results: {len(results)} for {len(world.accepted)} accepted jobs, {dict(states)}")
    print(f"outputs: {outputs}, of which {len(wrong)} are not as undisturbed")
    print(f"received more than once: {sum(d['receives'] > 1 for d in results.values())} jobs")
    judge([
        ("not one result for each accepted job", set(results) != set(world.accepted)),
        ("not done", set(states) != {"done"}),
        ("outputs that differ or are missing", wrong or outputs != len(OUTPUTS) * len(world.accepted)),
        ("results that were replaced", world.replaced),
        ("dead letters are left", world.status()["queue"].get("dead")),
    ])


def main(pixmill, work, seconds, seed):
    work.mkdir(parents=True, exist_ok=True)
    undisturbed = expected(pixmill, work)
    world = World(pixmill, work)
    world.producer.start()
    world.controller.start()
    threads = [threading.Thread(target=world.send, args=(client,), daemon=True) for client in range(CLIENTS)]
    threads.append(threading.Thread(target=world.watch, daemon=True))
    for thread in threads:
        thread.start()
    try:
        blows = rage(world, seconds, random.Random(seed))
        world.producer.keep()
        world.producer.signal(signal.SIGCONT)
        world.is_over.set()
        for thread in threads:
            thread.join(60)
        judge([("a client hangs", any(thread.is_alive() for thread in threads))])
        print(f"seed {seed}, {seconds} s:", ", ".join(f"{n} {what}" for what, n in sorted(blows.items())))
        print(f"accepted: {len(world.accepted)} jobs; {world.unanswered} requests had no answer and were repeated")
        took, redriven = heal(world)
        print(f"healed {took:.0f} s later; {redriven} dead letters were redriven")
        check(world, undisturbed)
    finally:
        world.producer.end()
        world.controller.end()
        home = [pixmill, "controller", "--data", str(world.data), "--max", "0", "--drain-timeout", "2s"]
        subprocess.run(home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=180, check=False)
    left = world.workers()
    for process in left:
        signalled(process, signal.SIGKILL)
    judge([("workers that do not go home", left)])


if __name__ == "__main__":
    chosen = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
    main(sys.argv[1], pathlib.Path(sys.argv[2]), float(sys.argv[3]), chosen)
