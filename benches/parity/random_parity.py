"""Compares the eight operations with OpenCV, byte for byte, at random parameters and sizes.

Usage: random_parity.py GRIND COUNT [SEED], where GRIND is the built example `grind` of pixmill-ops.
Ends at the first difference, leaves the picture as `differs.png`, and says how to have it again.
"""

import pathlib
import sys
import tempfile

import cv2
import numpy as np

import parity

# Now and then a larger picture, with sides that are prime.
LARGE = [(1009, 997), (1153, 863), (4001, 251), (1, 4099), (4099, 1)]


def side(rng):
    return int(rng.choice([1, 2, int(rng.integers(1, 9)), int(rng.integers(1, 70)),
                           int(rng.integers(60, 300))]))


def picture(rng):
    """Noise, smooth noise, few levels, one level, text or shapes, gray or RGB."""
    width, height = LARGE[rng.integers(len(LARGE))] if rng.random() < 0.03 else (side(rng), side(rng))
    count = int(rng.choice([1, 3]))
    noise = rng.integers(0, 256, (height, width, count), dtype=np.uint8)
    match rng.integers(0, 6):
        case 0:
            made = noise
        case 1:
            smooth = cv2.GaussianBlur(noise, (7, 7), 0).reshape(noise.shape)
            made = cv2.convertScaleAbs(smooth, alpha=4, beta=-380).reshape(noise.shape)
        case 2:
            made = noise // 128 * 200
        case 3:
            made = np.full_like(noise, rng.integers(0, 256))
        case 4:
            made = parity.drawing(rng, width, height, count)
            cv2.putText(made, "pixmill", (int(rng.integers(-9, width)), int(rng.integers(0, height + 9))),
                        cv2.FONT_HERSHEY_SIMPLEX, float(rng.uniform(0.3, 2)), (255, 9, 99), 1)
        case _:
            made = parity.drawing(rng, width, height, count)
    return made if count > 1 else made[:, :, 0]


def case(rng):
    """A recipe, and the function that OpenCV makes of it."""
    odd = lambda most: 2 * int(rng.integers(1, most // 2 + 1)) + 1
    match rng.integers(0, 10):
        case 0:
            return "invert", cv2.bitwise_not
        case 1:
            return "grayscale", parity.gray_of
        case 2 | 3:
            kernel = odd(61)
            if rng.random() < 0.5:
                return f"blur:{kernel}", lambda p: cv2.GaussianBlur(p, (kernel, kernel), 0)
            sigma = round(float(rng.uniform(0.1, 20)), 2)
            return f"blur:{kernel},{sigma}", lambda p: cv2.GaussianBlur(p, (kernel, kernel), sigma)
        case 4:
            low, high = sorted(int(n) for n in rng.integers(0, 1000, 2))
            return f"edges:{low},{high}", parity.canny(low, high)
        case 5:
            value, most = (int(n) for n in rng.integers(0, 256, 2))
            if rng.random() < 0.5:
                return f"threshold:{value},{most}", parity.threshold(value, most)
            return "threshold:otsu=true", parity.on_luma(parity.otsu)
        case 6:
            low, high = sorted(int(n) for n in rng.integers(0, 400, 2))
            votes = int(rng.integers(5, 300))
            return f"lines:{low},{high},{votes}", parity.lines(low, high, votes)
        case 7:
            value = int(rng.integers(0, 256))
            return f"contours:{value}", parity.contours(value)
        case 8:
            return "morphology", parity.morphology
        case _:
            name, kind = [("dilate", cv2.MORPH_DILATE), ("erode", cv2.MORPH_ERODE),
                          ("open", cv2.MORPH_OPEN), ("close", cv2.MORPH_CLOSE)][rng.integers(4)]
            kernel, times = odd(31), int(rng.integers(1, 4))
            return f"{name}:{kernel},{times}", parity.morph(kind, kernel, times)


def main():
    program, count = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int(np.random.default_rng().integers(1 << 30))
    print(f"OpenCV {cv2.__version__}, NumPy {np.__version__}, {count} cases, seed {seed}", flush=True)
    rng = np.random.default_rng(seed)
    tried = {}
    with tempfile.TemporaryDirectory() as folder:
        mill = parity.Mill(program, folder)
        for number in range(count):
            source = picture(rng)
            recipe, function = case(rng)
            path, seen = mill.write(source, "gray" if source.ndim == 2 else "rgb")
            made, expected = mill.grind(recipe, path), function(seen)
            expected = expected.reshape(seen.shape[:2] + expected.shape[2:]).squeeze()
            if isinstance(made, str) or not np.array_equal(np.squeeze(made), expected):
                pathlib.Path("differs.png").write_bytes(path.read_bytes())
                sys.exit(f"case {number} of seed {seed}: {recipe} on {source.shape} differs")
            name = recipe.split(":")[0]
            tried[name] = tried.get(name, 0) + 1
    print("all identical:", ", ".join(f"{name} {n}" for name, n in sorted(tried.items())))


if __name__ == "__main__":
    main()
