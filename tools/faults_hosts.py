"""Several hosts with partitions between them: faults_hosts.py PIXMILL VENV WORK SECONDS [SEED].

A producer with its clients, two consumers and S3 with SQS (the emulator of the tests) each have a host of
their own, which is a network namespace, on one switch. Links go down and come back, as do the hosts'
processes and the emulator; on the way to the emulator a proxy delays, breaks off and loses replies, since
not every kernel can do that to packets. Then all is well, and each picture that was accepted has to have
one result and the outputs of an undisturbed run. Needs root, `ip` and `unshare`.
"""

import collections
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

from faulty import OUTPUTS, RECIPE, Role, digest, expected, judge, samples, signalled, until

HOSTS = ("cloud", "producer", "one", "two")
ADDRESS = {host: f"10.77.0.{number + 1}" for number, host in enumerate(HOSTS)}
EMULATOR, PROXY, API = 4566, 4567, 8000
BUCKET, QUEUE, DEAD = "pictures", "jobs", "jobs-dead"
HEALED = 300


class Network:
    """Hosts on a switch. All of it is gone with the processes that hold the namespaces."""

    def __init__(self):
        self.holders = {name: subprocess.Popen(["unshare", "--net", "sleep", "infinity"]) for name in ("switch", *HOSTS)}
        own = os.readlink("/proc/self/ns/net")
        for holder in self.holders.values():
            until("a namespace", 10, lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != own)
        self.do("switch", "ip link add name bridge type bridge")
        self.do("switch", "ip link set bridge up")
        for host in HOSTS:
            self.do("switch", f"ip link add {host} type veth peer name eth0 netns {self.holders[host].pid}")
            self.do("switch", f"ip link set {host} master bridge up")
            self.do(host, "ip link set lo up")
            self.do(host, f"ip address add {ADDRESS[host]}/24 dev eth0")
            self.do(host, "ip link set eth0 up")

    def at(self, host):
        return ["nsenter", "--net", f"--target={self.holders[host].pid}"]

    def do(self, host, line):
        subprocess.run([*self.at(host), *line.split()], check=True)

    def link(self, host, state):
        self.do("switch", f"ip link set {host} {state}")

    def end(self):
        for holder in self.holders.values():
            holder.kill()
            holder.wait()


def aws(endpoint):
    return {
        "PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def with_environment(environment, line):
    return ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), *map(str, line)]


# --- What runs inside of a host ---


def proxy(seed):
    """Passes connections on to the emulator, some of them late, broken off, or without their replies."""
    dice = random.Random(seed)
    listener = socket.create_server((ADDRESS["cloud"], PROXY), backlog=256)
    while True:
        client, _ = listener.accept()
        fate = dice.choices(["good", "late", "reset", "lost"], [88, 6, 3, 3])[0]
        if fate == "reset":
            client.close()
            continue
        delay = dice.uniform(0.05, 1.5) if fate == "late" else 0
        # A connection is used for many requests; it loses one of their replies.
        lost_after = dice.randrange(1, 20000) if fate == "lost" else None
        threading.Thread(target=pass_on, args=(client, delay, lost_after), daemon=True).start()


def pass_on(client, delay, lost_after):
    try:
        server = socket.create_connection(("127.0.0.1", EMULATOR))
    except OSError:
        return client.close()

    def pump(source, target, delay, most):
        passed = 0
        try:
            while (piece := source.recv(65536)) and (most is None or passed < most):
                time.sleep(delay)
                target.sendall(piece)
                passed += len(piece)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    back = threading.Thread(target=pump, args=(server, client, delay, lost_after), daemon=True)
    back.start()
    pump(client, server, 0, None)
    back.join()
    client.close()
    server.close()


def clients(count):
    """Sends pictures until standard input ends; tells each that was accepted."""
    is_over = threading.Event()
    lock = threading.Lock()

    def send(client):
        pictures, number = list(samples().items()), 0
        while not is_over.is_set():
            name, content = pictures[(number + client) % len(pictures)]
            query = urllib.parse.urlencode({"recipe": RECIPE, "name": name})
            headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": f"{client}-{number}"}
            request = urllib.request.Request(f"http://127.0.0.1:{API}/v1/jobs?{query}", content, headers)
            while True:
                try:
                    with urllib.request.urlopen(request, timeout=60) as answer:
                        told = json.load(answer)
                        break
                except (OSError, ValueError):
                    time.sleep(0.2)
            with lock:
                for job in told["jobs"]:
                    print(f"{told['batch']}/{job['id']} {name}", flush=True)
            number += 1
            is_over.wait(0.5)

    threads = [threading.Thread(target=send, args=(client,)) for client in range(count)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    is_over.set()


def look(what):
    """What S3 and SQS say, by a client that is not ours."""
    import boto3  # Of the tests' environment.

    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    if what == "make":
        s3.create_bucket(Bucket=BUCKET)
        dead = sqs.create_queue(QueueName=DEAD, Attributes={"MessageRetentionPeriod": "1209600"})["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 20})
        sqs.create_queue(QueueName=QUEUE, Attributes={"RedrivePolicy": policy})
        return
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    depth = {}
    for queue in (QUEUE, DEAD):
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        depth[queue] = sum(map(int, attributes.values()))
    pages = s3.get_paginator("list_objects_v2")
    keys = lambda prefix: [o["Key"] for page in pages.paginate(Bucket=BUCKET, Prefix=prefix) for o in page.get("Contents", [])]
    found = {"depth": depth, "results": keys("results/")}
    if what == "all":
        read = lambda key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        found["results"] = {key: json.loads(read(key)) for key in found["results"]}
        found["outputs"] = {key: digest(read(key)) for key in keys("outputs/")}
    json.dump(found, sys.stdout)


# --- What runs outside ---


class World:
    def __init__(self, pixmill, venv, work, seed):
        self.network, self.work, self.venv = Network(), work, venv
        here = [sys.executable, __file__]
        state = {"PERSIST_STATE": "1", "STATE_DIR": work / "state", "S3_PERSIST": "1", "S3_DATA_DIR": work / "s3"}
        emulator = {
            "PATH": os.environ["PATH"], "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": EMULATOR, "LOG_LEVEL": "ERROR",
            "HOME": work, "TMPDIR": work, **state,
        }
        self.flags = flags = ["--backend", "aws", "--bucket", BUCKET, "--queue", QUEUE]
        self.way = way = aws(f"http://{ADDRESS['cloud']}:{PROXY}")
        self.pixmill, self.redriven = pixmill, 0

        def role(host, name, environment, line):
            return Role([*self.network.at(host), *with_environment(environment, line)], work / f"{name}.log")

        def consumer(host):
            settings = ["--worker", host, "--slots", "2", "--poll", "1s", "--visibility", "5s", "--max-attempts", "7"]
            return role(host, host, way, [pixmill, "consumer", *flags, *settings])

        serve = ["--listen", f"127.0.0.1:{API}", "--spool", work / "spool"]
        self.roles = {
            "emulator": role("cloud", "emulator", emulator, [venv / "bin/ministack"]),
            "proxy": role("cloud", "proxy", {"PATH": os.environ["PATH"]}, [*here, "proxy", seed]),
            "producer": role("producer", "producer", way, [pixmill, "producer", *flags, *serve]),
            "consumer one": consumer("one"),
            "consumer two": consumer("two"),
        }

    def look(self, what):
        line = [self.venv / "bin/python", __file__, "look", what]
        line = [*self.network.at("cloud"), *with_environment(aws(f"http://127.0.0.1:{EMULATOR}"), line)]
        ended = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return (json.loads(ended.stdout or b"{}") or {"made": True}) if ended.returncode == 0 else None

    def redrive(self, letters):
        line = with_environment(self.way, [self.pixmill, "dead", "redrive", "--all", *self.flags])
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([*self.network.at("producer"), *line], **quiet, check=False)
        self.redriven += letters

    def keep(self):
        for role in self.roles.values():
            role.keep()

    def end(self):
        for name in ("producer", "consumer one", "consumer two", "proxy", "emulator"):
            self.roles[name].end()
        self.network.end()


def rage(world, seconds, dice):
    blows, timers = collections.Counter(), []
    killable = ["producer", "consumer one", "consumer two"]

    def partition():
        host, time_out = dice.choice(HOSTS), dice.uniform(0.5, 15)
        world.network.link(host, "down")
        timers.append(threading.Timer(time_out, lambda: world.network.link(host, "up")))
        timers[-1].start()
        blows[f"links of {host} down for a while"] += 1

    def kill():
        name = dice.choice(killable)
        blows[f"{name} killed"] += world.roles[name].signal(signal.SIGKILL)

    def stop():
        role = world.roles[dice.choice(killable)]
        victim = role.process.pid
        blows["processes stopped for longer than their leases"] += role.signal(signal.SIGSTOP)
        timers.append(threading.Timer(dice.uniform(5, 9), lambda: signalled(victim, signal.SIGCONT)))
        timers[-1].start()

    def restart():
        role = world.roles["emulator"]
        role.end()
        time.sleep(dice.uniform(0, 5))
        role.start()
        blows["emulators restarted"] += 1

    over = time.monotonic() + seconds
    while time.monotonic() < over:
        dice.choices([partition, kill, stop, restart], [5, 4, 1, 0.5])[0]()
        time.sleep(dice.uniform(0.5, 4))
        world.keep()
    for timer in timers:
        timer.join()
    return blows


def main(pixmill, venv, work, seconds, seed):
    shutil.rmtree(work / "hosts", ignore_errors=True)
    work = work / "hosts"
    work.mkdir(parents=True)
    undisturbed = expected(pixmill, work)
    world = World(pixmill, venv, work, seed)
    accepted = {}
    try:
        world.roles["emulator"].start()
        until("the emulator", 120, lambda: world.look("make") is not None)
        world.keep()
        line = [*world.network.at("producer"), sys.executable, __file__, "clients", "3"]
        senders = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = threading.Thread(target=lambda: accepted.update(line.split() for line in senders.stdout), daemon=True)
        told.start()
        blows = rage(world, seconds, random.Random(seed))
        senders.stdin.close()
        for _ in range(120):
            world.keep()
            told.join(1)
            if not told.is_alive():
                break
        judge([("a client hangs", told.is_alive())])
        print(f"seed {seed}, {seconds:.0f} s:", ", ".join(f"{n} {what}" for what, n in sorted(blows.items())))

        def is_over():
            world.keep()
            found = world.look("some")
            if not found or len(found["results"]) < len(accepted) or found["depth"][QUEUE]:
                return False
            if found["depth"][DEAD]:
                world.redrive(found["depth"][DEAD])
            return not found["depth"][DEAD]

        took = until("an end of every job and an empty queue", HEALED, is_over)
        found = world.look("all")
    finally:
        world.end()
    results = {key[len("results/") : -len(".json")]: document for key, document in found["results"].items()}
    states = collections.Counter(document["state"] for document in results.values())
    wrong = [
        output["key"]
        for job, document in results.items()
        for output in document.get("outputs", [])
        if not found["outputs"].get(output["key"]) == output["sha256"] == undisturbed.get(accepted.get(job), {}).get(output["name"])
    ]
    print(f"healed {took:.0f} s later: {len(results)} results for {len(accepted)} accepted jobs, {dict(states)}")
    print(f"{world.redriven} dead letters were redriven")
    print(f"outputs: {len(found['outputs'])}, of which {len(wrong)} are not as undisturbed")
    print(f"received more than once: {sum(d['receives'] > 1 for d in results.values())} jobs")
    judge([
        ("nothing was accepted", not accepted),
        ("not one result for each accepted job", set(results) != set(accepted)),
        ("not done", set(states) != {"done"}),
        ("outputs that differ, are missing or too many", wrong or len(found["outputs"]) != len(OUTPUTS) * len(accepted)),
        ("letters are left", found["depth"][DEAD]),
    ])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["proxy", chosen]:
            proxy(chosen)
        case ["clients", count]:
            clients(int(count))
        case ["look", what]:
            look(what)
        case [pixmill, venv, work, seconds, *seed]:
            chosen = int(seed[0]) if seed else random.randrange(1 << 32)
            places = [pathlib.Path(place).absolute() for place in (pixmill, venv, work)]
            main(*places, float(seconds), chosen)
