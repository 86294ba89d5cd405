"""Times that are taken in turn, and their ratios: what `make bench` and `make bench-pipeline` measure by.

The machine may be busy with other things, so nothing is measured alone: the sides run one after the
other in the same minutes, and a figure is the median of the ratios of rounds, with its spread.
"""

import math
import statistics


def in_turn(sides, rounds):
    """What each side returns in each round, side by side. The first round warms up and is left out;
    every other round goes through the sides backwards."""
    taken = [[] for _ in sides]
    for number in range(rounds + 1):
        order = list(zip(sides, taken))
        for side, times in order if number % 2 else reversed(order):
            times.append(side())
    return [times[1:] for times in taken]


class Pair:
    """Times of both sides, of the same rounds."""

    def __init__(self, ours, theirs):
        self.ours, self.theirs = ours, theirs
        self.ratios = sorted(b / a for a, b in zip(ours, theirs))

    @property
    def ratio(self):
        """How many times as long they take as we do."""
        return statistics.median(self.ratios)

    @property
    def middle_half(self):
        low, _, high = statistics.quantiles(self.ratios, n=4)
        return f"{low:.2f}–{high:.2f}"

    @property
    def spread(self):
        """Of few rounds: all of it."""
        return f"{self.ratios[0]:.2f}–{self.ratios[-1]:.2f}"

    def cells(self):
        """Of a table, of nanoseconds in milliseconds."""
        ours, theirs = statistics.median(self.ours) / 1e6, statistics.median(self.theirs) / 1e6
        return f"{ours:.2f} | {theirs:.2f} | **{self.ratio:.2f}** | {self.middle_half}"


def measure(ours, theirs, rounds):
    """Times of both sides, each a function that returns one."""
    return Pair(*in_turn([ours, theirs], rounds))


def measure_twice(ours, theirs, rounds):
    """Of sides that return two times each, as on the clock and on the cores: a pair of either."""
    ours, theirs = in_turn([ours, theirs], rounds)
    return [Pair([t[which] for t in ours], [t[which] for t in theirs]) for which in (0, 1)]


def geometric_mean(ratios):
    return math.exp(statistics.mean(math.log(ratio) for ratio in ratios))
