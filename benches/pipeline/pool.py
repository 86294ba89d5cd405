"""A folder to thumbnails by a library for Python: `pool.py LIBRARY IN OUT WORKERS`, with as many
processes, each of which works on one picture at a time."""

import functools
import multiprocessing
import os
import pathlib
import sys

import thumbs

# From which width on OpenCV decodes to a fraction, so that what is left is well above the thumbnail.
REDUCTIONS = [(16 * thumbs.SIDE, 8), (7 * thumbs.SIDE, 4), (2 * thumbs.SIDE, 2)]


def opencv(source):
    """What a thumbnail of any picture takes: its width, then the smallest decoding that will do."""
    import cv2
    cv2.setNumThreads(1)
    width = jpeg_width(source)
    reduction = next((by for least, by in REDUCTIONS if width >= least), 1)
    return thumbs.opencv_thumbnail(source, reduction)


def jpeg_width(source):
    """From the frame's header; 0 of whatever is no JPEG, which cannot be decoded to a fraction."""
    at = 2
    while source[:2] == b"\xff\xd8" and at + 9 < len(source):
        marker, length = source[at + 1], int.from_bytes(source[at + 2:at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(source[at + 7:at + 9])
        at += 2 + length
    return 0


LIBRARIES = {"opencv": opencv, "pyvips": thumbs.vips_thumbnail, "pillow": thumbs.pillow_thumbnail}


def make(library, out, path):
    (out / f"{path.stem}.jpg").write_bytes(LIBRARIES[library](path.read_bytes()))


def main(library, source, out, workers):
    os.environ["VIPS_CONCURRENCY"] = "1"
    paths = sorted(pathlib.Path(source).iterdir())
    with multiprocessing.Pool(int(workers)) as pool:
        for _ in pool.imap_unordered(functools.partial(make, library, pathlib.Path(out)), paths, chunksize=4):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
