"""Whole commands, from the start of the program to its end, in turn."""

import os
import resource
import statistics
import subprocess
import time

from pairs import Pair, in_turn


class Command:
    """A name, the line that writes to the folder `OUT`, and what it finds in its environment."""

    def __init__(self, name, line, **environment):
        self.name, self.line, self.environment = name, line, environment


def cores_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def timed(line, environment=None):
    """Seconds on the clock and on the cores, of the command and all that it waited for."""
    spent, begun = cores_seconds(), time.monotonic()
    done = subprocess.run([str(word) for word in line], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, env=os.environ | (environment or {}))
    took = time.monotonic() - begun, cores_seconds() - spent
    if done.returncode:
        raise SystemExit(f"{line} failed: {done.stderr}")
    return took


class Runs:
    """Commands that write each time into a folder of its own. Nothing is removed between the measures:
    file systems are slow where much was just deleted."""

    def __init__(self, scratch):
        self.scratch, self.made = scratch, []

    def time(self, command):
        """Seconds on the clock and on the cores."""
        out = self.scratch / str(len(self.made))
        self.made.append((command.name, out))
        out.mkdir(parents=True)
        os.sync()
        took = timed([out if word is OUT else word for word in command.line], command.environment)
        print(f"{command.name}: {took[0]:.3f} s on the clock, {took[1]:.3f} s on the cores", flush=True)
        return took

    def outputs(self, name):
        """The folder that a command wrote to last."""
        return [out for whose, out in self.made if whose == name][-1]


class Rounds(Runs):
    """All commands in turn; the first one is ours."""

    def __init__(self, commands, scratch, rounds):
        super().__init__(scratch)
        self.names = [command.name for command in commands]
        self.times = in_turn([lambda command=command: self.time(command) for command in commands], rounds)

    def seconds(self, which, on_cores=False):
        return statistics.median(time[on_cores] for time in self.times[which])

    def pair(self, which, on_cores=False):
        """Ours and another's."""
        return Pair(*([time[on_cores] for time in self.times[side]] for side in (0, which)))


# Stands in a line for the folder to write to.
OUT = object()
