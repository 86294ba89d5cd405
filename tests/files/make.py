"""Makes the files in this folder anew: small pictures as other programs write them.

Usage: python3 tests/files/make.py, with Pillow, ImageMagick (convert) and libtiff's tiffcp on the
path. The files are checked in, because what other programs write is what they are for. `good/` can
be read; what is in `bad/` is refused with the code that its name begins with.
"""

import pathlib
import shutil
import subprocess

from PIL import Image, ImageCms

HERE = pathlib.Path(__file__).resolve().parent
GOOD, BAD = HERE / "good", HERE / "bad"
SAMPLES = HERE.parent.parent / "samples"
SIZE = (40, 30)


def convert(source, *arguments):
    subprocess.run(["convert", source, *map(str, arguments)], check=True)


def pillow(photo, alpha):
    """What Pillow writes, by libjpeg-turbo, libpng's peer, libwebp and libtiff."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x013B] = "Ada"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    gray, palette = photo.convert("L"), photo.quantize(60)
    for name, image, options in [
        ("420.jpg", photo, {}),
        ("444.jpg", photo, {"subsampling": 0, "quality": 95}),
        ("422-optimised.jpg", photo, {"subsampling": 1, "optimize": True}),
        ("progressive.jpg", photo, {"progressive": True}),
        ("restarts.jpg", photo, {"restart_marker_blocks": 2}),
        ("gray.jpg", gray, {}),
        ("cmyk.jpg", photo.convert("CMYK"), {}),
        ("turned.jpg", photo, {"exif": exif}),
        ("profile.jpg", photo, {"icc_profile": srgb}),
        ("rgb.png", photo, {}),
        ("rgba.png", alpha, {}),
        ("gray.png", gray, {}),
        ("gray-alpha.png", alpha.convert("LA"), {}),
        ("bilevel.png", photo.convert("1"), {}),
        ("palette.png", palette, {}),
        ("palette-4.png", photo.quantize(13), {"bits": 4}),
        ("palette-alpha.png", palette, {"transparency": 7}),
        ("deep-gray.png", gray.convert("I;16"), {}),
        ("lossy.webp", photo, {"quality": 70}),
        ("lossy-alpha.webp", alpha, {"quality": 70}),
        ("lossless.webp", alpha, {"lossless": True}),
        ("exif.webp", photo, {"exif": exif}),
        ("animated.webp", photo, {"save_all": True, "append_images": [gray.convert("RGB")]}),
        ("plain.gif", palette, {}),
        ("animated.gif", palette, {"save_all": True, "append_images": [gray]}),
        ("transparent.gif", alpha, {}),
        ("rgb.bmp", photo, {}),
        ("palette.bmp", palette, {}),
        ("gray.bmp", gray, {}),
        ("bilevel.bmp", photo.convert("1"), {}),
        ("rgba.bmp", alpha, {}),
        ("rgb.tif", photo, {}),
        ("lzw.tif", photo, {"compression": "tiff_lzw"}),
        ("deflate.tif", photo, {"compression": "tiff_adobe_deflate"}),
        ("packbits.tif", photo, {"compression": "packbits"}),
        ("gray.tif", gray, {}),
        ("cmyk.tif", photo.convert("CMYK"), {}),
        ("palette.tif", palette, {}),
        ("rgba.tif", alpha, {}),
        ("bilevel.tif", photo.convert("1"), {}),
    ]:
        image.save(GOOD / name, **options)
    photo.save(BAD / "unsupported--avif.avif")
    photo.save(BAD / "unsupported--jpeg-2000.jp2")
    photo.save(BAD / "unsupported--icon.ico")
    photo.save(BAD / "unsupported--document.jpg", "PDF")
    photo.save(BAD / "unsupported--postscript.png", "EPS")
    photo.save(BAD / "unsupported--jpeg-inside.tif", compression="jpeg")
    photo.convert("1").save(BAD / "unsupported--fax.tif", compression="group4")
    photo.convert("F").save(BAD / "unsupported--floating-point.tif")
    photo.save(BAD / "unsupported--portable.ppm")


def magick(photo, alpha):
    """What ImageMagick writes."""
    convert(photo, "-interlace", "PNG", GOOD / "interlaced.png")
    convert(photo, "-depth", 16, "-define", "png:color-type=2", GOOD / "deep-rgb.png")
    convert(alpha, "-depth", 16, GOOD / "deep-rgba.png")
    convert(photo, "-interlace", "GIF", GOOD / "interlaced.gif")
    convert(photo, "-colors", 9, "-type", "palette", "-compress", "RLE", GOOD / "runs.bmp")
    convert(photo, "-colors", 200, "-type", "palette", "-compress", "RLE", GOOD / "runs-8.bmp")
    convert(photo, f"BMP2:{GOOD / 'os2.bmp'}")
    convert(photo, "-endian", "MSB", GOOD / "big-endian.tif")
    convert(photo, "-depth", 16, "-compress", "none", GOOD / "deep.tif")
    convert(photo, "-define", "tiff:tile-geometry=16x16", GOOD / "tiles.tif")
    convert(photo, alpha, "-compress", "LZW", GOOD / "two-pages.tif")
    convert(photo, "-colorspace", "Lab", BAD / "unsupported--lab.tif")
    convert(photo, BAD / "unsupported--photoshop.psd")
    subprocess.run(["tiffcp", "-p", "separate", "-c", "zip:2", GOOD / "rgb.tif",
                    GOOD / "planes.tif"], check=True)
    subprocess.run(["tiffcp", "-8", GOOD / "rgb.tif", BAD / "unsupported--big.tif"], check=True)


def broken():
    """What is no picture, or only half of one."""
    (BAD / "empty--nothing.jpg").write_bytes(b"")
    (BAD / "not_a_picture--text.jpg").write_text("This is a letter, whatever its name says.\n")
    (BAD / "not_a_picture--sound.png").write_bytes(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + bytes(24))
    (BAD / "unsupported--drawing.png").write_text(
        '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>\n')
    for path in sorted(GOOD.iterdir()):
        if path.stem in ("420", "progressive", "rgb", "lossy", "lossless", "plain", "deflate"):
            half = path.read_bytes()
            (BAD / f"truncated--{path.name}").write_bytes(half[: len(half) // 2])


def main():
    for folder in (GOOD, BAD):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    sample = next(iter(sorted((SAMPLES / "photos").rglob("*.jpg"))))
    photo = Image.open(sample).convert("RGB").resize(SIZE)
    alpha = photo.copy()
    alpha.putalpha(Image.linear_gradient("L").resize(SIZE))
    pillow(photo, alpha)
    magick(GOOD / "rgb.png", GOOD / "rgba.png")
    broken()


if __name__ == "__main__":
    main()
