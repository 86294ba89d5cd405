"""The pictures that `make bench` measures with, made of those that scikit-image ships.

They are small, so one of 12 megapixels is a mosaic of them, enlarged twice and with a sensor's
noise; it is the same on every machine. Thumbnails are made of others like it.
"""

import pathlib

import numpy as np
import skimage
from PIL import Image

NAMES = ["astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "ihc.png",
         "motorcycle_left.png", "motorcycle_right.png", "retina.jpg", "rocket.jpg"]
TILE = 500
NOISE = 2.0


def mosaic(width, height, scale, seed):
    """An RGB picture of `width` by `height` made of squares of photographs, `scale` times as large."""
    rng = np.random.default_rng(seed)
    data = pathlib.Path(skimage.__file__).parent / "data"
    photos = [Image.open(data / name).convert("RGB") for name in NAMES]
    made = Image.new("RGB", (width, height))
    tile = TILE * scale
    number = int(rng.integers(len(photos)))
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            photo = photos[number % len(photos)]
            number += 1
            side = min(TILE, photo.width, photo.height)
            x = int(rng.integers(photo.width - side + 1))
            y = int(rng.integers(photo.height - side + 1))
            part = photo.resize((tile, tile), Image.Resampling.LANCZOS, (x, y, x + side, y + side))
            made.paste(part, (left, top))
    noisy = np.asarray(made) + rng.normal(0, NOISE, (height, width, 1))
    return np.rint(noisy).clip(0, 255).astype(np.uint8)


def prepare(folder, count):
    """Writes what is missing: `12mp.npy`, `1mp.npy`, JPEGs of both, `count` of 2.8 megapixels in
    `thumbs`, and some of 12 and of 24 in `thumbs12` and `thumbs24`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (width, height), scale in (("12mp", (4000, 3000), 2), ("1mp", (1152, 864), 1)):
        if not (folder / f"{name}.jpg").exists():
            picture = mosaic(width, height, scale, 1)
            np.save(folder / f"{name}.npy", picture)
            picture.tofile(folder / f"{name}.rgb")
            Image.fromarray(picture).save(folder / f"{name}.jpg", quality=90, subsampling="4:2:0")
    for name, (width, height), scale, number in (("thumbs", (2048, 1366), 2, count),
                                                 ("thumbs12", (4000, 3000), 2, 6),
                                                 ("thumbs24", (6000, 4000), 3, 4)):
        jpegs(folder / name, width, height, scale, number)


def jpegs(folder, width, height, scale, number):
    """Writes the JPEGs that are missing of so many in a folder, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{n:03}.jpg" for n in range(number)]
    for n, path in enumerate(paths):
        if not path.exists():
            picture = Image.fromarray(mosaic(width, height, scale, 100 + n))
            picture.save(path, quality=90, subsampling="4:2:0")
    return paths
