"""## A million jobs in the embedded queue

Enqueued by processes in batches of 1,000 bodies of 300 bytes, and drained by others, each message
received and deleted, ten at a time; then the same again in the same file. No picture is touched: this
is the queue alone. Rates are of each tenth of the way, all processes together; *memory* is the most that
one of them has; the file is with its log. By `core/local/examples/queue_rates.rs`."""

import itertools
import subprocess

from report import table

SENDERS, DRAINERS = 2, 4
TENTHS = 10


def prepare(bench):
    pass


def versions(bench):
    return [("Processes", f"{SENDERS} that send, {DRAINERS} that drain, on {bench.cores} cores")]


def phase(bench, lines, messages):
    """Runs processes at once, which say how far they are, a line each: seconds, how many more, MB.
    The rate of each tenth of all messages, and the most memory of a process."""
    processes = [subprocess.Popen([str(word) for word in line], stdout=subprocess.PIPE, text=True) for line in lines]
    said = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit(f"{lines} failed: {said}")
    told = sorted(tuple(float(word) for word in line.split()) for text in said for line in text.splitlines())
    begun, rates, done = told[0][0], [], 0
    for at, more, _ in told:
        done += more
        if done >= messages * (len(rates) + 1) / TENTHS:
            rates.append((done, at))
    steps = [(0, begun)] + rates
    if done != messages:
        raise SystemExit(f"{done} of {messages} messages")
    by_tenth = [(b - a) / (until - since) for (a, since), (b, until) in itertools.pairwise(steps)]
    return by_tenth, max(memory for _, _, memory in told)


def file_mb(path):
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*")) / 1e6


def run(bench):
    path, messages = bench.scratch / "queue.sqlite", bench["MESSAGES"]
    program, rows = bench.example("queue_rates"), []
    for turn in ("first", "again"):
        for what, lines in ((f"enqueued, {turn}", [[program, "send", path, messages // SENDERS]] * SENDERS),
                            (f"drained, {turn}", [[program, "drain", path]] * DRAINERS)):
            rates, memory = phase(bench, lines, messages)
            rows.append((what, *(f"{rate / 1000:.1f}" for rate in rates), f"**{rates[-1] / rates[0]:.2f}**",
                         f"{memory:.0f}", f"{file_mb(path):.0f}"))
            print(rows[-1], flush=True)
    head = (f"{messages:,} messages, thousands a second", *(f"{n}." for n in range(1, TENTHS + 1)),
            "last ÷ first", "memory, MB", "file after, MB")
    return table(head, rows)
