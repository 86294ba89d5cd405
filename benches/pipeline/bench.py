"""What the parts have in common: where things are, what the variables say, and the pictures."""

import os
import pathlib
import shutil

import photos
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# Names of variables that make a part smaller or larger, with what they are by default.
DEFAULTS = {"ROUNDS": 3, "SECONDS_EACH": 6, "COPIES": 8, "SMALL": 2000, "MEDIUM": 1000, "LARGE": 48,
            "MESSAGES": 1_000_000, "STARTS": 15, "AWS_PICTURES": 300}


class Bench:
    """The program to measure, and a directory for everything that is made."""

    def __init__(self, pixmill, work):
        self.pixmill, self.work = pixmill, work
        self.folders, self.scratch = work / "folders", work / f"scratch-{os.getpid()}"
        self.cores = len(os.sched_getaffinity(0))
        self.values = {name: int(os.environ.get(name) or value) for name, value in DEFAULTS.items()}

    def __getitem__(self, name):
        return self.values[name]

    def variables(self):
        """Those that are not as by default, as they are given to `make`."""
        changed = [f"{name}={value}" for name, value in self.values.items() if value != DEFAULTS[name]]
        return f" with {', '.join(changed)}" if changed else ""

    def example(self, name):
        return self.pixmill.parent / "examples" / name

    def sharp(self):
        """The directory of sharp's module, if it is installed."""
        module = self.work / "node_modules" / "sharp"
        return module if module.exists() else None

    def photographs(self, name, width, height, scale, number, copies=1):
        """A folder of so many JPEGs, each there so many times: the same work, other files."""
        originals = photos.jpegs(self.work / "originals" / name, width, height, scale, number)
        return self.copied(name, originals, copies)

    def copied(self, name, originals, copies):
        folder = self.folders / f"{name}-{len(originals)}x{copies}"
        if not folder.exists():
            being_made = self.folders / "being-made"
            shutil.rmtree(being_made, ignore_errors=True)
            being_made.mkdir(parents=True)
            for copy in range(copies):
                for number, path in enumerate(originals):
                    shutil.copyfile(path, being_made / f"{copy:03}-{number:03}{path.suffix}")
            being_made.rename(folder)
        return folder

    def thumbs(self):
        """Photographs of 2.8 megapixels."""
        return self.photographs("thumbs", 2048, 1366, 2, 40, self["COPIES"])

    def small(self):
        """Photographs of about 50 KB, and one of them in a folder of its own."""
        return self.photographs("small", 640, 427, 2, 20, self["SMALL"] // 20)

    def one(self):
        return self.photographs("one", 640, 427, 2, 1)

    def mixed(self):
        """What a folder of people's pictures is like: of every size, and not JPEGs alone."""
        made = self.work / "originals" / "mixed"
        made.mkdir(parents=True, exist_ok=True)
        number = 0
        for count, width, height, scale, suffix, settings in MIXTURE:
            for _ in range(count):
                path = made / f"{number:03}{suffix}"
                number += 1
                if not path.exists():
                    mode = settings.get("mode", "RGB")
                    picture = Image.fromarray(photos.mosaic(width, height, scale, 500 + number))
                    picture.convert(mode).save(path, **{k: v for k, v in settings.items() if k != "mode"})
        return self.copied("mixed", sorted(made.iterdir()), max(1, self["COPIES"] // 2))


JPEG = {"quality": 90, "subsampling": "4:2:0"}
# How many, how large, and how they are written.
MIXTURE = [
    (1, 6000, 4000, 3, ".jpg", JPEG),
    (3, 4000, 3000, 2, ".jpg", JPEG),
    (12, 2048, 1366, 2, ".jpg", JPEG),
    (12, 1152, 864, 1, ".jpg", JPEG),
    (8, 640, 427, 2, ".jpg", JPEG),
    (3, 2048, 1366, 2, ".jpg", JPEG | {"progressive": True}),
    (2, 2048, 1366, 2, ".jpg", {"quality": 95, "subsampling": "4:4:4"}),
    (2, 1152, 864, 1, ".jpg", {"quality": 90, "mode": "L"}),
    (3, 1152, 864, 1, ".png", {}),
    (1, 2048, 1366, 2, ".png", {}),
    (3, 1152, 864, 1, ".webp", {"quality": 85}),
]
