"""Compares pixmill's operations, sample by sample, with OpenCV, Pillow and NumPy.

Usage: parity.py GRIND REPORT, where GRIND is the built example `grind` of pixmill-ops.

Every operation runs over pictures of every kind and of awkward sizes, and over the samples of the
repository; a fixed seed makes each run the same. The report is a table of operations and kinds of
input: identical, the largest difference, or the code of a refusal, against which reference. Fails
if a row differs by more than it may.
"""

import json
import pathlib
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
# What a file holds, and what its pixels are once decoded.
KINDS = {"gray": 1, "rgb": 3, "rgba": 4, "gray + alpha": 4, "palette": 3, "palette + alpha": 4,
         "16-bit gray": 1, "16-bit rgb": 3, "16-bit rgba": 4, "cmyk": 3}


class Mill:
    """The example, kept running."""

    def __init__(self, program, folder):
        self.folder = pathlib.Path(folder)
        overlay().save(self.folder / "over.png")
        self.process = subprocess.Popen([pathlib.Path(program).resolve()], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, cwd=folder)

    def grind(self, recipe, source):
        """What a recipe makes of a file: a picture, a document, or the code of its rejection."""
        is_document = recipe.startswith("->")
        recipe = f"rotate:0 {recipe}" if is_document else f"{recipe} -> png"
        target = self.folder / "out"
        self.process.stdin.write(f"{recipe}\t{source}\t{target}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != "ok":
            return answer or "crashed"
        if is_document:
            return json.loads(target.read_text())
        return to_bgr(cv2.imread(str(target), cv2.IMREAD_UNCHANGED))

    def write(self, picture, kind):
        """A file of a kind that holds a picture, and what is seen in it when it is read."""
        path = self.folder / ("in.tif" if kind == "cmyk" else "in.png")
        if kind in ("gray", "rgb", "rgba"):
            cv2.imwrite(str(path), to_bgr(picture))
            return path, picture
        if kind.startswith("16-bit"):
            # Low bytes that rounding, instead of cutting them off, would betray.
            deep = picture.astype(np.uint16) * 256 + 200
            cv2.imwrite(str(path), to_bgr(deep))
            return path, picture
        if kind == "cmyk":
            image = Image.fromarray(np.dstack([picture, 255 - picture[:, :, 1]]), "CMYK")
            image.save(path)
            ink = 255 - np.asarray(Image.open(path)).astype(np.uint16)
            product = ink[:, :, :3] * ink[:, :, 3:] + 128
            return path, ((product + (product >> 8)) >> 8).astype(np.uint8)
        if kind == "gray + alpha":
            Image.fromarray(picture[:, :, [0, 3]], "LA").save(path)
        else:
            Image.fromarray(picture[:, :, :3]).quantize(200).save(
                path, **({"transparency": 0} if kind == "palette + alpha" else {}))
        seen = np.asarray(Image.open(path).convert("RGBA"))
        return path, seen[:, :, :KINDS[kind]]


def to_bgr(picture):
    """RGB to BGR or back; gray as it is."""
    if picture.ndim == 2:
        return picture
    order = [2, 1, 0, 3][: picture.shape[2]]
    return np.ascontiguousarray(picture[:, :, order])


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


def pictures(rng, count, samples):
    """Noise, smooth noise, few levels, drawings and gradients of all sizes, then photographs."""
    for width, height in SIZES:
        noise = rng.integers(0, 256, (height, width, count), dtype=np.uint8)
        smooth = cv2.GaussianBlur(noise, (7, 7), 0).reshape(noise.shape)
        across = np.linspace(0, 255, width)[None, :, None] + np.zeros((height, 1, count))
        for picture in [noise, cv2.convertScaleAbs(smooth, alpha=4, beta=-380).reshape(noise.shape),
                        (noise // 128 * 200), np.full_like(noise, 90), across.astype(np.uint8),
                        drawing(rng, width, height, count), drawing(rng, width, height, count)]:
            yield picture if count > 1 else picture[:, :, 0]
    for path in samples:
        picture = Image.open(path).convert({1: "L", 3: "RGB", 4: "RGBA"}[count])
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


def otsu(picture):
    """By OpenCV's own code: of two levels that part a picture equally well Intel's IPP, with which
    it is built for x86, may take the other."""
    had_ipp = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    made = threshold(0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)(picture)
    cv2.ipp.setUseIPP(had_ipp)
    return made


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


def overlay(size=(200, 90)):
    """Noise of all alphas, on a transparent canvas of another size."""
    noise = np.random.default_rng(SEED).integers(0, 256, (90, 200, 4), dtype=np.uint8)
    canvas = Image.new("RGBA", size)
    canvas.paste(Image.fromarray(noise), (0, 0))
    return canvas


def composite(function):
    """Through a function of two pictures with alpha; what has none still has none."""
    def applied(picture):
        under = Image.fromarray(picture).convert("RGBA")
        made = np.asarray(function(under, overlay(under.size)))
        return made if channels(picture) == 4 else made[:, :, :3]
    return applied


def source_over(opacity):
    """In fractions of 255 × 65535, rounded to the nearest."""
    def applied(under, above):
        under, above = (np.asarray(i).astype(np.int64) for i in (under, above))
        whole = 255 * 65535
        part = above[:, :, 3:] * int(opacity * 65535 + 0.5)
        behind = under[:, :, 3:] * (whole - part)
        both = 255 * part + behind
        colours = 255 * part * above[:, :, :3] + behind * under[:, :, :3]
        colours = np.where(both > 0, (2 * colours + both) // np.maximum(2 * both, 1), under[:, :, :3])
        return np.dstack([colours, (2 * both + whole) // (2 * whole)]).astype(np.uint8)
    return composite(applied)


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


class Multiplied:
    """A function that works on colours multiplied by alpha where there is some, in floating point."""

    def __init__(self, function):
        self.function = function

    def __call__(self, picture):
        return self.function(picture if channels(picture) < 4 else multiply(picture))


def channels(picture):
    return 1 if picture.ndim == 2 else picture.shape[2]


def multiply(picture):
    alpha = picture[:, :, 3:].astype(np.float32)
    return np.dstack([picture[:, :, :3] * (alpha / 255), alpha])


class Resized(Multiplied):
    """Pillow's resize, rows first; with alpha as Pillow does it, in bytes multiplied by alpha.

    Pillow 13 takes columns first where that is less work, those before it never: it is made to take
    them in turn, so that the order is the same everywhere.
    """

    def __init__(self, size, filter_):
        self.size, self.filter = size, filter_

    def passes(self, image):
        return image.resize((self.size[0], image.height), self.filter).resize(self.size, self.filter)

    def __call__(self, picture):
        image = Image.fromarray(picture)
        if channels(picture) < 4:
            return np.asarray(self.passes(image))
        if self.filter == Image.Resampling.NEAREST:
            return multiply(np.asarray(self.passes(image)))
        return multiply(np.asarray(self.passes(image.convert("RGBa")).convert("RGBA")))


def resize(width, height, filter_):
    return Resized((width, height), filter_)


def crop(picture):
    height, width = picture.shape[:2]
    if height < 3 or width < 2:
        return None
    top, left = (height - 3) // 2, (width - 2) // 2
    return picture[top:top + 3, left:left + 2]


CV = f"OpenCV {cv2.__version__}"
PILLOW = f"Pillow {PIL.__version__}"
NUMPY = f"NumPy {np.__version__}"
MEAN, GAUSS = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.ADAPTIVE_THRESH_GAUSSIAN_C

FILTERS = [("nearest", Image.Resampling.NEAREST), ("box", Image.Resampling.BOX),
           ("bilinear", Image.Resampling.BILINEAR), ("catmullrom", Image.Resampling.BICUBIC),
           ("lanczos3", Image.Resampling.LANCZOS)]

# Operation, reference, largest difference that is allowed, whether alpha is compared, then recipes
# and functions; a function that returns nothing expects a refusal.
ALL, OPAQUE = True, False
TABLE = [
    ("no operation", PILLOW + " and " + CV + ", decoding", 0, ALL, [("rotate:0", lambda p: p)]),
    # The same weights and the same order, rounded to 8 bits in between. Nearest and box choose
    # otherwise where a sample lies on the border.
    *[(f"resize {name}", f"{PILLOW}, rows first", 255 if name in ("nearest", "box") else 3, ALL, [
        (f"resize:{w},{h},fill,{name},true", resize(w, h, filter_))
        for w, h in ((1, 1), (7, 5), (64, 48), (150, 33))]) for name, filter_ in FILTERS],
    ("crop", NUMPY, 0, ALL, [("crop:2,3", crop)]),
    ("rotate", NUMPY, 0, ALL, [
        (f"rotate:{turns * 90}", lambda p, n=turns: np.rot90(p, -n)) for turns in (1, 2, 3)]),
    ("flip", NUMPY, 0, ALL, [("flip", np.flipud), ("flip:horizontal", np.fliplr)]),
    ("invert", CV, 0, ALL, [("invert", colours(cv2.bitwise_not))]),
    ("grayscale", CV, 0, ALL, [("grayscale", on_luma(lambda p: p))]),
    ("blur", CV, 3, ALL, [
        (f"blur:{k}", Multiplied(lambda p, k=k: cv2.GaussianBlur(p, (k, k), 0)))
        for k in (3, 9, 15, 31)]),
    ("edges", CV, 0, ALL, [(f"edges:{a},{b}", canny(a, b))
                           for a, b in ((100, 200), (50, 150), (0, 0), (20, 900), (300, 301))]),
    ("threshold", CV, 0, ALL, [(f"threshold:{v},{m}", colours(threshold(v, m)))
                               for v, m in ((127, 255), (0, 1), (255, 255), (90, 200))]),
    ("threshold otsu", CV + " without IPP, which breaks ties otherwise", 0, ALL, [
        ("threshold:otsu=true", on_luma(otsu))]),
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
    ("-> lines", CV, 0, ALL, [
        ("-> lines", told_lines()), ("-> lines:votes=30", told_lines(votes=30)),
        ("-> lines:10,40,20", told_lines(10, 40, 20)),
        ("-> lines:votes=60,length=full", told_lines(votes=60, full=True))]),
    ("-> contours", CV, 0, ALL, [
        (f"-> contours:{v}", told_contours(v)) for v in (127, 0, 60, 200)]),
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
    ("normalize", PILLOW + " autocontrast", 4, ALL, [
        (f"normalize:{a},{b}", normalize(a, b)) for a, b in ((1, 99), (0, 100), (5, 80))]),
    ("tint", PILLOW + " colorize", 0, ALL, [
        ("tint:#704214", tint("#704214")), ("tint:#00ff80", tint("#00ff80"))]),
    ("pad", CV + " copyMakeBorder", 0, ALL, [
        ("pad:1,2,3,4,#202020", pad(1, 2, 3, 4, (32, 32, 32)))]),
    ("composite", PILLOW + " alpha_composite", 1, ALL, [
        ("composite:over.png,northwest", composite(Image.alpha_composite))]),
    ("composite", NUMPY, 0, ALL, [
        (f"composite:over.png,northwest,opacity={o}", source_over(o)) for o in (1, 0.5, 0.1)]),
    ("trim", NUMPY, 0, ALL, [
        ("trim", trim(10)), ("trim:200", trim(200)), ("trim:0", trim(0)),
        ("trim:60,#5a5a5a", trim(60, (90, 90, 90)))]),
    ("pixelate", PILLOW + " reduce", 1, OPAQUE, [
        (f"pixelate:{n}", pillow(lambda i, n=n: i.reduce(n).resize(
            (-(-i.width // n) * n, -(-i.height // n) * n), Image.Resampling.NEAREST)
            .crop((0, 0, i.width, i.height)))) for n in (2, 7, 16)]),
]


def difference(made, expected, function):
    """Sample by sample. Where colours were multiplied by alpha that is what is compared: the
    colours of all but transparent pixels mean next to nothing. Of documents, whether they differ."""
    if isinstance(made, dict):
        return np.array([in_order(made) != in_order(expected)])
    if isinstance(function, Multiplied) and channels(made) == 4:
        made = multiply(made)
    return np.abs(np.rint(made) - np.rint(expected.astype(np.float64)))


def compare(mill, samples, row, kind):
    """Compares one operation on one kind of picture: a verdict, how many times, and whether it
    holds."""
    name, _, allowed, with_alpha, cases = row
    if KINDS[kind] == 4 and not with_alpha:
        return "", 0, True
    rng = np.random.default_rng(SEED)
    count = differing = largest = 0
    refused = {}
    source_channels = 4 if "alpha" in kind or KINDS[kind] == 4 else 3 if KINDS[kind] == 3 else 1
    for picture in pictures(rng, source_channels, samples):
        path, seen = mill.write(picture, kind)
        for recipe, function in cases:
            made, expected = mill.grind(recipe, path), function(seen)
            count += 1
            if isinstance(made, str) or expected is None:
                code = made if isinstance(made, str) else "made, not refused"
                refused[code] = refused.get(code, 0) + 1
                if expected is not None or code != "inapplicable":
                    raise SystemExit(f"{recipe} on {kind} {picture.shape}: {code}")
                continue
            if not isinstance(made, dict) and made.shape != expected.shape:
                raise SystemExit(f"{recipe} on {kind} {picture.shape}: {made.shape}, not {expected.shape}")
            distance = difference(made, expected, function)
            if distance.any():
                differing += 1
                largest = max(largest, int(distance.max()))
    verdict = f"≤ {largest} ({differing} of {count})" if differing else "identical"
    verdict += "".join(f", {code} ({n})" for code, n in sorted(refused.items()))
    return verdict, count, largest <= allowed


def main():
    program, report = sys.argv[1:3]
    only = sys.argv[3:]
    root = pathlib.Path(__file__).resolve().parents[2]
    samples = sorted(path for path in (root / "samples").rglob("*.*")
                     if path.suffix in (".png", ".jpg"))[:6]
    rows, total, good = [], 0, True
    with tempfile.TemporaryDirectory() as folder:
        mill = Mill(program, folder)
        for row in TABLE:
            if only and not any(row[0].startswith(name) for name in only):
                continue
            cells = []
            for kind in KINDS:
                verdict, count, holds = compare(mill, samples, row, kind)
                cells.append(verdict)
                total += count
                good = good and holds
                if not holds:
                    print(f"{row[0]} on {kind}: more than {row[2]}", flush=True)
            rows.append(f"| {row[0]} | {' | '.join(cells)} | {row[1]} |")
            print(rows[-1], flush=True)
    if not only:
        head = HEAD.format(total=f"{total:,}", kinds=" | ".join(KINDS), rule="---|" * len(KINDS))
        pathlib.Path(report).write_text(head + "\n".join(rows) + "\n")
    return 0 if good else 1


HEAD = f"""# Parity

What pixmill's operations make of every kind of input, compared with other libraries sample by
sample. Written by `make parity`; {CV}, {PILLOW}, {NUMPY}; {{total}} comparisons. Pictures: noise,
smooth noise, two levels, one level, gradients and drawings of {len(SIZES)} sizes from 1×1 to
257×131, and six samples of this repository, each with several parameters. Rows with an arrow
compare documents, number by number.

*≤ n (m of k)*: n is the largest difference of a sample, m of k comparisons differ at all. An empty
cell: the reference says nothing about alpha. Of 16-bit samples the high byte is kept, and gray with
alpha becomes RGBA. blur and resize work on colours multiplied by alpha, which is what is compared
there. What is refused is refused on purpose: a crop that reaches outside.

| Operation | {{kinds}} | Reference |
|---|{{rule}}---|
"""

if __name__ == "__main__":
    sys.exit(main())
