"""## How much of the cores is work on pictures

A folder through `pixmill run`, and the same files from memory to memory by the kernels alone, on as
many threads at once, which share memory as they do in the run. *Efficiency* is the kernels' time on the
cores ÷ (what the run takes on the clock × cores), from the start of the program to its end; *running*
leaves out what a run of one small picture takes, which is starting and ending. *Overhead* is what there
is beside the kernels, on all cores, for a job of a folder, once it runs."""

import os
import statistics
import subprocess

from commands import OUT, Command, Runs
from pairs import in_turn
from report import table

RECIPE = "blur:9 -> jpeg:q=82"


def folders(bench):
    return [("50 KB, 0.3 megapixels", bench.small()),
            ("1 megapixel", bench.photographs("medium", 1152, 864, 1, 20, bench["MEDIUM"] // 20)),
            ("24 megapixels", bench.photographs("large", 6000, 4000, 3, 4, bench["LARGE"] // 4))]


def prepare(bench):
    folders(bench)
    bench.one()


def versions(bench):
    return [("Recipe", f"`{RECIPE}`")]


class Kernels:
    """The stopwatch of pixmill-ops."""

    def __init__(self, bench):
        self.process = subprocess.Popen([bench.example("bench")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.out, self.threads = bench.scratch / "kernels", bench.cores

    def seconds(self, folder):
        """Of all cores together, for every file of the folder."""
        self.process.stdin.write(f"batch\t{RECIPE}\t{folder}\t{self.threads}\t{self.out}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline().split()[1]) / 1e9


def run(bench):
    kernels, rows = Kernels(bench), []
    for what, folder in folders(bench):
        count = len(os.listdir(folder))
        command = lambda source: Command(f"run {source.name}", [
            bench.pixmill, "run", source, "--recipe", RECIPE, "--out", OUT])
        runs = Runs(bench.scratch / folder.name)
        whole, one, useful = in_turn(
            [lambda: runs.time(command(folder))[0], lambda: runs.time(command(bench.one()))[0],
             lambda: kernels.seconds(folder)], bench["ROUNDS"])
        efficiency = [u / (w * bench.cores) for w, u in zip(whole, useful)]
        running = [u / ((w - o) * bench.cores) for w, o, u in zip(whole, one, useful)]
        overhead = [((w - o) * bench.cores - u) / count * 1e3 for w, o, u in zip(whole, one, useful)]
        median, spread = statistics.median, lambda of: f"{min(of):.3f}–{max(of):.3f}"
        rows.append((what, count, f"{median(whole):.2f}", f"{count / median(whole):.0f}",
                     f"{median(useful) / count * 1e3:.2f}", f"**{median(efficiency):.3f}**", spread(efficiency),
                     f"**{median(running):.3f}**", spread(running), f"**{median(overhead):.2f}**",
                     spread(overhead)))
        print(rows[-1], flush=True)
    head = ("Pictures", "how many", "s", "a second", "ms of kernels each", "efficiency", "spread", "running",
            "spread", "overhead, ms a job", "spread")
    return table(head, rows)
