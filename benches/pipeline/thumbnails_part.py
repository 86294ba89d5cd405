"""## A folder to thumbnails

Files to files: JPEGs of 512 pixels at quality 80, on all cores, timed from the start of the command to
its end. `pixmill run` does it by its queue, with leases, results and a report, and could be killed at
any moment; the others keep nothing. OpenCV, pyvips and Pillow each have a pool of processes, a core
each, sharp as many pictures in work as there are cores, and `vipsthumbnail` is started on a share of
the files a core. OpenCV decodes to the smallest fraction that is well above the thumbnail, Pillow by
its draft mode. *Ratio* is the peer's time over ours, the median of rounds in which all ran in turn,
with all of its spread. How good the thumbnails are is in [RESULTS.md](RESULTS.md)."""

import os
import pathlib
import shutil
import sys

from commands import OUT, Command, Rounds
from machine import said
from report import table
from thumbs import QUALITY, SIDE

HERE = pathlib.Path(__file__).resolve().parent


def prepare(bench):
    bench.thumbs()
    bench.mixed()


def versions(bench):
    import cv2
    import PIL
    import pyvips
    package = bench.sharp() / "package.json" if bench.sharp() else None
    sharp = package.read_text().split('"version": "')[1].split('"')[0] if package else "not installed"
    vips = ".".join(str(pyvips.version(i)) for i in range(3))
    return [("Peers", f"sharp {sharp}, OpenCV {cv2.__version__}, pyvips on libvips {vips}, "
                      f"Pillow {PIL.__version__}, "
                      f"vipsthumbnail of {said('vipsthumbnail', '--vips-version') or 'libvips: not installed'}")]


def commands(bench, folder):
    """Ours, and everybody's who is there."""
    cores = bench.cores
    python = lambda library: [sys.executable, HERE / "pool.py", library, folder, OUT, cores]
    made = [Command("pixmill run", [bench.pixmill, "run", folder, "--recipe",
                                    f"resize:{SIDE} -> jpeg:q={QUALITY}", "--out", OUT])]
    if bench.sharp():
        made.append(Command("sharp", ["node", HERE / "folder.mjs", bench.sharp(), folder, OUT, SIDE, QUALITY,
                                      cores], UV_THREADPOOL_SIZE=str(cores)))
    made += [Command("OpenCV, reduced decode", python("opencv")), Command("pyvips", python("pyvips")),
             Command("Pillow, draft", python("pillow"))]
    if shutil.which("vipsthumbnail"):
        paths = sorted(str(path) for path in folder.iterdir())
        share = -(-len(paths) // cores)
        names = folder.with_suffix(".list")
        names.write_text("\n".join(paths) + "\n")
        script = (f'exec xargs -a "$1" -P {cores} -n {share} '
                  f'vipsthumbnail --size {SIDE} -o "$2/%s.jpg[Q={QUALITY}]"')
        made.append(Command("vipsthumbnail", ["sh", "-c", script, "sh", names, OUT], VIPS_CONCURRENCY="1"))
    return made


def run(bench):
    lines = []
    for folder, what in ((bench.thumbs(), "JPEGs of 2048×1366"),
                         (bench.mixed(), "pictures of 0.3 to 24 megapixels, JPEG, PNG and WebP")):
        count = len(os.listdir(folder))
        rounds = Rounds(commands(bench, folder), bench.scratch / folder.name, bench["ROUNDS"])
        rows = []
        for which, name in enumerate(rounds.names):
            made = len(list(rounds.outputs(name).glob("*.jpg")))
            if made != count:
                raise SystemExit(f"{name} made {made} of {count}")
            if which:
                pair, on_cores = rounds.pair(which), rounds.pair(which, on_cores=True)
                rows.append((name, f"{count / rounds.seconds(0):.0f}", f"{count / rounds.seconds(which):.0f}",
                             f"**{pair.ratio:.2f}**", pair.spread, f"{on_cores.ratio:.2f}"))
        lines += [f"{count} {what}, {bench.cores} cores, {bench['ROUNDS']} rounds; pictures a second:", ""]
        lines += table(("Peer", "pixmill", "peer", "ratio", "spread", "ratio of time on the cores"), rows) + [""]
    return lines
