"""Programs that run beside the measurement, such as servers: started, waited for, and ended."""

import contextlib
import os
import socket
import subprocess
import time
import urllib.request

START_SECONDS = 60


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextlib.contextmanager
def running(line, log, **environment):
    """A program until the end of the block; what it says goes to a file."""
    with open(log, "w") as said:
        process = subprocess.Popen([str(word) for word in line], stdout=said, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, env=os.environ | environment)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until(what, answer, pause=0.001):
    """The first answer that is none of `None` and `False`."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if (found := answer()) not in (None, False):
            return found
        time.sleep(pause)
    raise SystemExit(f"waited in vain for {what}")


def answers(url):
    """Whether somebody answers there, whatever it is."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def address(log):
    """Where a server of ours says that it listens."""
    for line in open(log):
        words = line.split()
        if words[:2] == ["Serving", "at"] or words[:3] == ["console", "and", "API"]:
            return words[-1]
    return None


@contextlib.contextmanager
def pixmill(bench, command, data, *arguments, **environment):
    """A server of ours on a directory of its own: its process and where it listens."""
    log = data.with_suffix(".log")
    line = [bench.pixmill, command, "--data", data, "--listen", "127.0.0.1:0", *arguments]
    with running(line, log, **environment) as process:
        yield process, until(f"pixmill {command}", lambda: address(log))


@contextlib.contextmanager
def emulator(bench):
    """S3 and SQS on this machine: where they are asked."""
    port, home = free_port(), bench.scratch / "emulator"
    home.mkdir()
    program = bench.work / "venv" / "bin" / "ministack"
    settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LOG_LEVEL": "ERROR",
                "HOME": str(home), "TMPDIR": str(home)}
    url = f"http://127.0.0.1:{port}"
    with running([program], bench.scratch / "emulator.log", **settings):
        until("the emulator", lambda: answers(url), pause=0.05)
        yield url


AWS = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test",
       "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


def memory_mb(process):
    """The most memory that a process has had."""
    for line in open(f"/proc/{process.pid}/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0
