"""Compares pixmill's operations, sample by sample, with OpenCV, Pillow and NumPy.

Usage: parity.py GRIND REPORT, where GRIND is the built example `grind` of pixmill-ops.

Every operation runs over pictures of every kind and of awkward sizes, and over the samples of the
repository; a fixed seed makes each run the same. The report is a table: operation, kind of input,
identical or the largest difference, against which reference. Fails if a row that is declared
identical is not.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

import cv2
import numpy as np
import PIL
from PIL import Image, ImageEnhance, ImageOps

SEED = 20260
SIZES = [(1, 1), (1, 7), (1, 64), (5, 1), (97, 1), (2, 2), (3, 5), (13, 11), (31, 67), (101, 53),
         (128, 96), (257, 131)]
KINDS = ["gray", "rgb", "rgba"]


class Mill:
    """The example, kept running."""

    def __init__(self, program, folder):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.folder = pathlib.Path(folder)

    def grind(self, recipe, picture):
        """The picture that a recipe makes, or the code of its rejection."""
        made = self.output(f"{recipe} -> png", picture)
        return made if isinstance(made, str) else to_bgr(cv2.imread(str(made), cv2.IMREAD_UNCHANGED))

    def tell(self, encoding, picture):
        """The document that an encoding writes, or the code of its rejection."""
        made = self.output(f"rotate:0 -> {encoding}", picture)
        return made if isinstance(made, str) else json.loads(made.read_text())

    def output(self, recipe, picture):
        source, target = self.folder / "in.png", self.folder / "out"
        cv2.imwrite(str(source), to_bgr(picture))
        self.process.stdin.write(f"{recipe}\t{source}\t{target}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        return target if answer == "ok" else answer or "crashed"


def to_bgr(picture):
    """RGB to BGR or back; gray as it is."""
    if picture.ndim == 2:
        return picture
    order = [2, 1, 0, 3][: picture.shape[2]]
    return np.ascontiguousarray(picture[:, :, order])


def channels(kind):
    return {"gray": 1, "rgb": 3, "rgba": 4}[kind]


def drawing(rng, width, height, count):
    """Shapes on a ground, as edges, lines and contours like them."""
    picture = np.full((height, width, count), rng.integers(0, 256, count), np.uint8)
    for _ in range(rng.integers(1, 9)):
        colour = [int(c) for c in rng.integers(0, 256, count)]
        x0, x1 = (int(v) for v in rng.integers(-5, width + 5, 2))
        y0, y1 = (int(v) for v in rng.integers(-5, height + 5, 2))
        thickness = int(rng.integers(1, 6))
        match rng.integers(0, 3):
            case 0: cv2.line(picture, (x0, y0), (x1, y1), colour, thickness)
            case 1: cv2.rectangle(picture, (x0, y0), (x1, y1), colour, -1)
            case _: cv2.circle(picture, (x0, y0), abs(x1 - x0) // 2 + 1, colour, thickness)
    return picture


def pictures(rng, kind, samples):
    """Noise, smooth noise, few levels, drawings and gradients of all sizes, then photographs."""
    count = channels(kind)
    for width, height in SIZES:
        noise = rng.integers(0, 256, (height, width, count), dtype=np.uint8)
        smooth = cv2.GaussianBlur(noise, (7, 7), 0).reshape(noise.shape)
        across = np.linspace(0, 255, width)[None, :, None] + np.zeros((height, 1, count))
        for picture in [noise, cv2.convertScaleAbs(smooth, alpha=4, beta=-380).reshape(noise.shape),
                        (noise // 128 * 200), np.full_like(noise, 90), across.astype(np.uint8),
                        drawing(rng, width, height, count), drawing(rng, width, height, count)]:
            yield picture if count > 1 else picture[:, :, 0]
    for path in samples:
        picture = Image.open(path).convert({"gray": "L", "rgb": "RGB", "rgba": "RGBA"}[kind])
        yield np.asarray(picture)


def gray_of(picture):
    """Luma as OpenCV rounds it; alpha is ignored."""
    return picture if picture.ndim == 2 else cv2.cvtColor(picture[:, :, :3].copy(), cv2.COLOR_RGB2GRAY)


def colours(function):
    """Applies a function to the colours; alpha stays."""
    def applied(picture):
        if picture.ndim == 2 or picture.shape[2] == 3:
            return function(picture).reshape(picture.shape)
        return np.dstack([function(picture[:, :, :3].copy()), picture[:, :, 3]])
    return applied


def on_luma(function):
    """Applies a function to luma; with alpha the result stays RGBA of equal colours."""
    def applied(picture):
        result = function(gray_of(picture))
        if picture.ndim == 2 or picture.shape[2] == 3:
            return result
        return np.dstack([result, result, result, picture[:, :, 3]])
    return applied


def canny(low, high):
    def applied(picture):
        source = picture if picture.ndim == 2 else to_bgr(picture[:, :, :3])
        return cv2.Canny(source, low, high)
    return applied


def canvas(picture):
    """What is drawn on: gray becomes RGB."""
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB) if picture.ndim == 2 else picture.copy()


def lines(low=50, high=150, votes=200, full=False):
    def applied(picture):
        drawn = canvas(picture)
        for *_, first, second in found_lines(picture, low, high, votes, full):
            cv2.line(drawn, first, second, (0, 255, 0, 255), 2)
        return drawn
    return applied


def found_lines(picture, low, high, votes, full):
    """Distance, angle, votes and ends of every line, in OpenCV's order."""
    edges = cv2.Canny(gray_of(picture), low, high)
    found = cv2.HoughLinesWithAccumulator(edges, 1, np.pi / 180, votes)
    reach = sum(picture.shape[:2]) if full else 1000
    for rho, theta, count in found.reshape(-1, 3) if found is not None else []:
        a, b = np.cos(theta), np.sin(theta)
        x, y = a * rho, b * rho
        yield (rho, theta, count, (int(x + reach * (-b)), int(y + reach * a)),
               (int(x - reach * (-b)), int(y - reach * a)))


def told_lines(low=50, high=150, votes=200, full=False):
    def told(picture):
        height, width = picture.shape[:2]
        lines_ = []
        for rho, theta, count, first, second in found_lines(picture, low, high, votes, full):
            inside, first, second = cv2.clipLine((0, 0, width, height), first, second)
            ends = [list(first), list(second)] if inside else [None, None]
            lines_.append({"rho": int(rho), "theta": float(theta), "votes": int(count),
                           "from": ends[0], "to": ends[1]})
        return {"width": width, "height": height, "total": len(lines_), "lines": lines_[:1000]}
    return told


def told_contours(value):
    def told(picture):
        height, width = picture.shape[:2]
        _, binary = cv2.threshold(gray_of(picture), value, 255, cv2.THRESH_BINARY)
        found, tree = cv2.findContours(binary, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        contours_ = []
        for contour, (*_, parent) in zip(found, tree[0] if found else []):
            left, top, across, down = cv2.boundingRect(contour)
            contours_.append({"left": left, "top": top, "width": across, "height": down,
                              "points": len(contour), "hole": bool(parent >= 0)})
        return {"width": width, "height": height, "total": len(contours_), "contours": contours_}
    return told


def in_order(document):
    """A document whose contours come by size alone; of a list that was cut only sizes are left,
    as which of equal ones are in it is up to the order in which they were found."""
    found = document.get("contours")
    if found is None:
        return document
    found = sorted(found, key=lambda c: (-c["width"] * c["height"], *sorted(c.items())))
    if document["total"] > 1000:
        found = [c["width"] * c["height"] for c in found[:1000]]
    return document | {"contours": found}


def contours(value):
    def applied(picture):
        drawn = canvas(picture)
        _, binary = cv2.threshold(gray_of(picture), value, 255, cv2.THRESH_BINARY)
        found, _ = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        return cv2.drawContours(drawn, found, -1, (0, 255, 0, 255), 2)
    return applied


def square(size):
    return np.ones((size, size), np.uint8)


def morphology(picture):
    dilated = cv2.dilate(picture, square(5))
    opened = cv2.morphologyEx(dilated, cv2.MORPH_OPEN, square(5))
    return cv2.morphologyEx(opened, cv2.MORPH_CLOSE, square(5))


def morph(kind, kernel, iterations):
    return colours(lambda p: cv2.morphologyEx(p, kind, square(kernel), iterations=iterations))


def threshold(value, maximum, kind=cv2.THRESH_BINARY):
    return lambda p: cv2.threshold(p, value, maximum, kind)[1]


def adaptive(method, block, c):
    return on_luma(lambda p: cv2.adaptiveThreshold(p, 255, method, cv2.THRESH_BINARY, block, c))


def equalize(picture):
    if picture.ndim == 2:
        return cv2.equalizeHist(picture)
    ycc = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)
    ycc[:, :, 0] = cv2.equalizeHist(ycc[:, :, 0])
    return cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB)


def sharpen(sigma, amount):
    size = 2 * int(np.ceil(3 * sigma)) + 1
    def applied(picture):
        blurred = cv2.GaussianBlur(picture, (size, size), sigma)
        return cv2.addWeighted(picture, 1 + amount, blurred, -amount, 0)
    return colours(applied)


def levels(function):
    return colours(lambda p: np.clip(np.rint(function(p.astype(np.float64))), 0, 255).astype(np.uint8))


def pillow(function):
    """Through Pillow, on colours."""
    return colours(lambda p: np.asarray(function(Image.fromarray(p))))


def saturate(factor):
    def applied(picture):
        gray = gray_of(picture).astype(np.float64)[:, :, None]
        return np.clip(np.rint(gray + (picture - gray) * factor), 0, 255).astype(np.uint8)
    return lambda p: p if p.ndim == 2 else colours(applied)(p)


def tint(colour):
    def applied(picture):
        toned = ImageOps.colorize(Image.fromarray(gray_of(picture)), "black", "white", mid=colour)
        toned = np.asarray(toned)
        has_alpha = picture.ndim == 3 and picture.shape[2] == 4
        return np.dstack([toned, picture[:, :, 3]]) if has_alpha else toned
    return applied


def pad(top, right, bottom, left, colour):
    def applied(picture):
        fill = colour[:1] if picture.ndim == 2 else (*colour, 255)[: picture.shape[2]]
        return cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_CONSTANT, value=fill)
    return applied


def trim(threshold, colour=None):
    """Sharp's rule without its median filter: laid over the colour, or in alpha, something differs."""
    def applied(picture):
        pixels = picture.astype(int)
        colours_ = pixels[:, :, None].repeat(3, 2) if picture.ndim == 2 else pixels[:, :, :3]
        has_alpha = picture.ndim == 3 and picture.shape[2] == 4
        alpha = pixels[:, :, 3] if has_alpha else np.full(picture.shape[:2], 255)
        ground = (*colours_[0, 0], alpha[0, 0]) if colour is None else (*colour, 255)
        seen = abs(colours_ - ground[:3]).max(axis=2) * alpha > threshold * 255
        mask = seen | (abs(alpha - ground[3]) > threshold)
        if not mask.any():
            return picture
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        return picture[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    return applied


def normalize(low, high):
    return pillow(lambda i: ImageOps.autocontrast(i, (low, 100 - high), preserve_tone=True))


CV = f"OpenCV {cv2.__version__}"
PILLOW = f"Pillow {PIL.__version__}"
NUMPY = f"NumPy {np.__version__}"
MEAN, GAUSS = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.ADAPTIVE_THRESH_GAUSSIAN_C

# Operation, reference, largest difference that is allowed, kinds, then recipes and functions.
ALL = KINDS
OPAQUE = ["gray", "rgb"]
TABLE = [
    ("invert", CV, 0, ALL, [("invert", colours(cv2.bitwise_not))]),
    ("grayscale", CV, 0, ALL, [("grayscale", on_luma(lambda p: p))]),
    ("blur", CV, 0, OPAQUE, [
        (f"blur:{k}", lambda p, k=k: cv2.GaussianBlur(p, (k, k), 0)) for k in (3, 9, 15, 31)]),
    ("edges", CV, 0, ALL, [(f"edges:{a},{b}", canny(a, b))
                           for a, b in ((100, 200), (50, 150), (0, 0), (20, 900), (300, 301))]),
    ("threshold", CV, 0, ALL, [(f"threshold:{v},{m}", colours(threshold(v, m)))
                               for v, m in ((127, 255), (0, 1), (255, 255), (90, 200))]),
    ("threshold otsu", CV, 0, ALL, [
        ("threshold:otsu=true", on_luma(threshold(0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)))]),
    ("adaptive_threshold mean", CV, 0, ALL, [
        (f"adaptive_threshold:{b},{c}", adaptive(MEAN, b, c))
        for b, c in ((11, 2), (3, 0), (15, -1.5), (17, 2.5), (101, 7), (255, 0))]),
    # OpenCV sums in 32-bit floating point: a mean that lies all but half-way may round elsewhere.
    ("adaptive_threshold gaussian", CV, 255, ALL, [
        (f"adaptive_threshold:{b},{c},gaussian", adaptive(GAUSS, b, c))
        for b, c in ((3, 0), (5, 1), (7, 2), (9, -3), (11, 2), (31, 5), (101, 0))]),
    ("lines", CV + " as the prototype called it", 0, ALL, [
        ("lines", lines()), ("lines:votes=30", lines(votes=30)),
        ("lines:10,40,20", lines(10, 40, 20)),
        ("lines:votes=60,length=full", lines(votes=60, full=True))]),
    ("contours", CV, 0, ALL, [(f"contours:{v}", contours(v)) for v in (127, 0, 60, 200)]),
    ("morphology", CV, 0, ALL, [("morphology", colours(morphology))]),
    *[(name, CV, 0, ALL, [(f"{name}:{k},{n}", morph(kind, k, n))
                          for k, n in ((5, 1), (3, 2), (1, 3), (7, 3), (31, 1))])
      for name, kind in (("dilate", cv2.MORPH_DILATE), ("erode", cv2.MORPH_ERODE),
                         ("open", cv2.MORPH_OPEN), ("close", cv2.MORPH_CLOSE))],
    ("median", CV, 0, ALL, [(f"median:{k}", colours(lambda p, k=k: cv2.medianBlur(p, k)))
                            for k in (3, 5, 7, 15, 51)]),
    ("equalize", CV, 0, ALL, [("equalize", colours(equalize))]),
    ("sharpen", CV + " GaussianBlur, addWeighted", 1, OPAQUE, [
        (f"sharpen:{s},{a}", sharpen(s, a)) for s, a in ((1, 1), (0.5, 2), (2.3, 0.7))]),
    ("brightness", NUMPY, 0, ALL, [
        (f"brightness:{f},{a}", levels(lambda p, f=f, a=a: p * f + a))
        for f, a in ((1.2, 0), (0.5, 10), (3, -40.5))]),
    ("brightness", PILLOW, 1, OPAQUE, [
        (f"brightness:{f}", pillow(lambda i, f=f: ImageEnhance.Brightness(i).enhance(f)))
        for f in (1.2, 0.5)]),
    ("contrast", NUMPY, 0, ALL, [
        (f"contrast:{f}", levels(lambda p, f=f: 128 + (p - 128) * f)) for f in (1.3, 0, 0.7, 9)]),
    ("gamma", NUMPY, 0, ALL, [
        (f"gamma:{g}", levels(lambda p, g=g: 255 * (p / 255) ** (1 / g))) for g in (2.2, 0.4, 1)]),
    ("saturation", NUMPY, 0, ALL, [(f"saturation:{f}", saturate(f)) for f in (1.5, 0, 0.3, 4)]),
    ("saturation", PILLOW, 4, OPAQUE, [
        (f"saturation:{f}", pillow(lambda i, f=f: ImageEnhance.Color(i).enhance(f)))
        for f in (1.5, 0.3)]),
    ("normalize", PILLOW + " autocontrast", 4, OPAQUE, [
        (f"normalize:{a},{b}", normalize(a, b)) for a, b in ((1, 99), (0, 100), (5, 80))]),
    ("tint", PILLOW + " colorize", 0, ALL, [
        ("tint:#704214", tint("#704214")), ("tint:#00ff80", tint("#00ff80"))]),
    ("pad", CV + " copyMakeBorder", 0, ALL, [
        ("pad:1,2,3,4,#202020", pad(1, 2, 3, 4, (32, 32, 32)))]),
    ("trim", NUMPY, 0, ALL, [
        ("trim", trim(10)), ("trim:200", trim(200)), ("trim:0", trim(0)),
        ("trim:60,#5a5a5a", trim(60, (90, 90, 90)))]),
    ("pixelate", PILLOW + " reduce", 1, OPAQUE, [
        (f"pixelate:{n}", pillow(lambda i, n=n: i.reduce(n).resize(
            (-(-i.width // n) * n, -(-i.height // n) * n), Image.Resampling.NEAREST)
            .crop((0, 0, i.width, i.height)))) for n in (2, 7, 16)]),
]


# What is told instead of a picture: encoding, reference, then parameters and functions.
FACTS = [
    ("-> lines", CV, [
        ("lines", told_lines()), ("lines:votes=30", told_lines(votes=30)),
        ("lines:10,40,20", told_lines(10, 40, 20)),
        ("lines:votes=60,length=full", told_lines(votes=60, full=True))]),
    ("-> contours", CV, [(f"contours:{v}", told_contours(v)) for v in (127, 0, 60, 200)]),
]


def compare_facts(mill, samples, row, kind):
    """Compares what one encoding tells of one kind of picture, every number of it."""
    name, reference, cases = row
    rng = np.random.default_rng(SEED)
    count = differing = 0
    for picture in pictures(rng, kind, samples):
        for encoding, function in cases:
            told = mill.tell(encoding, picture)
            count += 1
            differing += isinstance(told, str) or in_order(told) != in_order(function(picture))
    verdict = f"{differing} documents differ" if differing else "identical"
    return f"| {name} | {kind} | {verdict} | {count} | {reference} |", not differing


def compare(mill, samples, row, kind):
    """Compares one operation on one kind of picture; a line of the report and whether it holds."""
    if len(row) == 3:
        return compare_facts(mill, samples, row, kind)
    name, reference, allowed, kinds, cases = row
    if kind not in kinds:
        return None
    rng = np.random.default_rng(SEED)
    count = differing = largest = worst = 0
    codes = set()
    for picture in pictures(rng, kind, samples):
        for recipe, function in cases:
            made, expected = mill.grind(recipe, picture), function(picture)
            count += 1
            if isinstance(made, str):
                codes.add(made)
                continue
            if made.shape != expected.shape:
                raise SystemExit(f"{recipe} on {kind} {picture.shape}: {made.shape}, not {expected.shape}")
            difference = np.abs(made.astype(int) - expected)
            if difference.any():
                differing += 1
                largest = max(largest, int(difference.max()))
                worst = max(worst, float((difference > 0).mean()))
    if codes:
        verdict = "refused: " + ", ".join(sorted(codes))
    elif not differing:
        verdict = "identical"
    else:
        verdict = (f"largest difference {largest}, in {differing} of the comparisons, "
                   f"at most {worst:.4%} of a picture's samples")
    line = f"| {name} | {kind} | {verdict} | {count} | {reference} |"
    return line, not codes and largest <= allowed


def main():
    program, report = sys.argv[1:3]
    only = sys.argv[3:]
    random.seed(SEED)
    root = pathlib.Path(__file__).resolve().parents[2]
    samples = sorted(path for path in (root / "samples").rglob("*.*")
                     if path.suffix in (".png", ".jpg"))[:6]
    lines_, good = [], True
    with tempfile.TemporaryDirectory() as folder:
        mill = Mill(program, folder)
        for row in TABLE + FACTS:
            for kind in KINDS:
                if only and not any(row[0].startswith(name) for name in only):
                    continue
                result = compare(mill, samples, row, kind)
                if result is None:
                    continue
                line, holds = result
                print(line if holds else f"{line}  <-- too much", flush=True)
                lines_.append(line)
                good = good and holds
    if not only:
        pathlib.Path(report).write_text(HEAD + "\n".join(lines_) + "\n")
    return 0 if good else 1


HEAD = f"""# Parity

What pixmill's operations make of decoded samples, compared with other libraries. Written by
`make parity`; {CV}, {PILLOW}, {NUMPY}. Pictures: noise, smooth noise, two levels, one level,
gradients and drawings of {len(SIZES)} sizes from 1×1 to 257×131, and six samples of this
repository, each with several parameters. Palettes and 16-bit samples are reduced when decoded, and
what they become is one of these kinds. Rows with an arrow compare documents, number by number.

| Operation | Input | Result | Comparisons | Reference |
|---|---|---|---|---|
"""

if __name__ == "__main__":
    sys.exit(main())
