"""Load for servers: requests made beforehand, sent by wrk as fast as they are answered."""

import dataclasses
import os
import pathlib
import subprocess
import uuid

SCRIPT = pathlib.Path(__file__).resolve().parent / "requests.lua"


@dataclasses.dataclass
class Answers:
    """What came of it; times are milliseconds."""
    good: int
    seconds: float
    half: float
    of_99: float
    longest: float
    refused: int
    broken: int

    @property
    def rate(self):
        return self.good / self.seconds


def form(image, name, **fields):
    """A form as browsers send it, with the value of its Content-Type on a line before it."""
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
             f"Content-Type: application/octet-stream\r\n\r\n".encode() + image + b"\r\n"]
    for field, value in fields.items():
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode())
    parts.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}\n".encode() + b"".join(parts)


def write(folder, bodies):
    folder.mkdir(parents=True)
    for number, body in enumerate(bodies, 1):
        (folder / str(number)).write_bytes(body)
    return folder


def apply(url, target, connections, seconds, bodies=None):
    """So many connections, each with one request at a time, for so long."""
    settings = {"TARGET": target} | ({"REQUESTS": str(bodies)} if bodies else {})
    line = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s", "-s", SCRIPT, url]
    done = subprocess.run(line, capture_output=True, text=True, env=os.environ | settings)
    counted = [line for line in done.stdout.splitlines() if line.startswith("counted: ")]
    if not counted:
        raise SystemExit(f"wrk: {done.stdout}{done.stderr}")
    numbers = counted[0].split()[1:]
    made = [field.type(number) for field, number in zip(dataclasses.fields(Answers), numbers)]
    answers = Answers(*made)
    print(f"{url}{target} by {connections}: {answers.rate:.1f}/s, {answers}", flush=True)
    return answers
