"""How other libraries make thumbnails: bytes in, bytes out. Each is imported by whom it is asked of
first, as a program that uses one of them does not load the others."""

import io

# Of a thumbnail: its longer side, and libjpeg's quality.
SIDE, QUALITY = 512, 80


def opencv_thumbnail(source, reduction=2):
    """Decoded at half size, as its documentation says to."""
    import cv2
    import numpy as np
    flag = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
            8: cv2.IMREAD_REDUCED_COLOR_8}[reduction]
    picture = cv2.imdecode(np.frombuffer(source, np.uint8), flag)
    height, width = picture.shape[:2]
    size = (SIDE, round(height * SIDE / width))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def opencv_thumbnail_of_quarter(source):
    """Of pictures from which a quarter is still well above the thumbnail."""
    return opencv_thumbnail(source, 4)


def vips_thumbnail(source):
    import pyvips
    return pyvips.Image.thumbnail_buffer(source, SIDE).jpegsave_buffer(Q=QUALITY)


def pillow_thumbnail(source):
    from PIL import Image
    picture = Image.open(io.BytesIO(source))
    picture.draft("RGB", (2 * SIDE, 2 * SIDE))
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    made = io.BytesIO()
    picture.save(made, "JPEG", quality=QUALITY)
    return made.getvalue()
