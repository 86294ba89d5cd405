"""What OpenCV does for each operation, as the prototype called it, and batches of thumbnails.

OpenCV gets buffers that are used again and draws in place, as pixmill does. Python's own share of
`lines`, the ends of each line, is computed for all lines at once.
"""

import functools
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from thumbs import opencv_thumbnail, pillow_thumbnail, vips_thumbnail

GREEN = (0, 255, 0)
SQUARE = np.ones((5, 5), np.uint8)


class Operations:
    """OpenCV's side for one BGR picture. `restore` puts back what was drawn upon, off the clock."""

    def __init__(self, picture):
        self.picture = picture
        self.canvas = picture.copy()
        self.colour = np.empty_like(picture)
        self.other = np.empty_like(picture)
        self.gray = np.empty(picture.shape[:2], np.uint8)
        self.plane = np.empty(picture.shape[:2], np.uint8)

    def restore(self):
        self.canvas[:] = self.picture

    def invert(self):
        return cv2.bitwise_not(self.picture, dst=self.colour)

    def invert_in_place(self):
        return cv2.bitwise_not(self.canvas, dst=self.canvas)

    def grayscale(self):
        return cv2.cvtColor(self.picture, cv2.COLOR_BGR2GRAY, dst=self.gray)

    def blur(self):
        return cv2.GaussianBlur(self.picture, (15, 15), 0, dst=self.colour)

    def edges(self):
        return cv2.Canny(self.picture, 100, 200, edges=self.plane)

    def threshold(self):
        return cv2.threshold(self.picture, 127, 255, cv2.THRESH_BINARY, dst=self.colour)[1]

    def threshold_in_place(self):
        return cv2.threshold(self.canvas, 127, 255, cv2.THRESH_BINARY, dst=self.canvas)[1]

    def lines(self):
        edges = cv2.Canny(self.grayscale(), 50, 150, edges=self.plane)
        found = cv2.HoughLines(edges, 1, np.pi / 180, 200)
        if found is not None:
            rho, theta = found[:, 0, 0], found[:, 0, 1]
            a, b = np.cos(theta), np.sin(theta)
            x, y, across, down = a * rho, b * rho, np.float32(1000) * -b, np.float32(1000) * a
            ends = [x + across, y + down, x - across, y - down]
            for x0, y0, x1, y1 in np.stack([end.astype(int) for end in ends], axis=1).tolist():
                cv2.line(self.canvas, (x0, y0), (x1, y1), GREEN, 2)
        return self.canvas

    def contours(self):
        _, binary = cv2.threshold(self.grayscale(), 127, 255, cv2.THRESH_BINARY, dst=self.plane)
        found, _ = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        return cv2.drawContours(self.canvas, found, -1, GREEN, 2)

    def morphology(self):
        dilated = cv2.dilate(self.picture, SQUARE, dst=self.colour)
        opened = cv2.morphologyEx(dilated, cv2.MORPH_OPEN, SQUARE, dst=self.other)
        return cv2.morphologyEx(opened, cv2.MORPH_CLOSE, SQUARE, dst=self.colour)


def opencv_job(source, operation, suffix, parameters):
    """Bytes in, bytes out, as the prototype did it: fresh buffers throughout."""
    picture = cv2.imdecode(source, cv2.IMREAD_COLOR)
    return cv2.imencode(suffix, FRESH[operation](picture), parameters)[1]


def fresh_lines(picture):
    operations = Operations.__new__(Operations)
    operations.canvas = picture
    operations.plane = None
    operations.grayscale = functools.partial(cv2.cvtColor, picture, cv2.COLOR_BGR2GRAY)
    return operations.lines()


def fresh_contours(picture):
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    _, binary = cv2.threshold(gray, 127, 255, cv2.THRESH_BINARY)
    found, _ = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    return cv2.drawContours(picture, found, -1, GREEN, 2)


def fresh_morphology(picture):
    opened = cv2.morphologyEx(cv2.dilate(picture, SQUARE), cv2.MORPH_OPEN, SQUARE)
    return cv2.morphologyEx(opened, cv2.MORPH_CLOSE, SQUARE)


FRESH = {
    "invert": cv2.bitwise_not,
    "grayscale": lambda p: cv2.cvtColor(p, cv2.COLOR_BGR2GRAY),
    "blur": lambda p: cv2.GaussianBlur(p, (15, 15), 0),
    "edges": lambda p: cv2.Canny(p, 100, 200),
    "threshold": lambda p: cv2.threshold(p, 127, 255, cv2.THRESH_BINARY)[1],
    "lines": fresh_lines,
    "contours": fresh_contours,
    "morphology": fresh_morphology,
}


THUMBNAILS = {"OpenCV, reduced decode": opencv_thumbnail, "libvips": vips_thumbnail,
              "Pillow, draft": pillow_thumbnail}


def batch(function, sources, workers):
    """A batch on so many threads; all of these libraries let go of Python's lock while they work."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, sources))
