"""Makes photographs by cropping and scaling those that scikit-image ships: soak_photos.py DIR COUNT."""

import pathlib
import random
import sys

import skimage
from PIL import Image

NAMES = [
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png",
    "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png",
    "motorcycle_left.png", "motorcycle_right.png", "retina.jpg", "rocket.jpg",
]


def main(directory: pathlib.Path, count: int) -> None:
    data = pathlib.Path(skimage.__file__).parent / "data"
    found = [data / name for name in NAMES if (data / name).exists()]
    photos = [Image.open(path).convert("RGB") for path in found]
    if len(photos) < 8:
        sys.exit(f"scikit-image ships only {len(photos)} of the photographs")
    directory.mkdir(parents=True)
    dice = random.Random(2026)
    for number in range(count):
        photo = photos[number % len(photos)]
        part = dice.uniform(0.5, 1.0)
        width, height = int(photo.width * part), int(photo.height * part)
        left, top = dice.randint(0, photo.width - width), dice.randint(0, photo.height - height)
        longest = dice.randint(1200, 2000)
        scale = longest / max(width, height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        box = (left, top, left + width, top + height)
        cut = photo.resize(size, Image.Resampling.BICUBIC, box)
        if number % 10 == 9:
            cut.save(directory / f"{number:04}.png", compress_level=1)
        else:
            cut.save(directory / f"{number:04}.jpg", quality=90)
    print(f"{count} photographs made of {len(photos)}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
