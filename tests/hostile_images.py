"""Image files made to do harm: to take memory or time, or to be taken for something else. No test of its own."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, PngImagePlugin

FILE_LIMIT = 64_000_000
LARGE_WH = (12_000, 9_000)
ORIENTATION, MAKE = 0x0112, 0x010F


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def padded(content: bytes) -> bytes:
    """As large as a file may be: decoders ignore what stands behind the end."""
    return content + bytes(FILE_LIMIT - 1 - len(content))


def turned(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[MAKE] = "camera"  # more than an orientation: of an AVIF that is written elsewhere
    return exif


def blocks(mode: str, width: int, height: int) -> Image.Image:
    """A picture of random blocks of 64 pixels: quickly compressed, and not to nothing."""
    rng = np.random.default_rng(11)
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    small = rng.integers(0, 256, (-(-height // 64), -(-width // 64), channels), np.uint8)
    return Image.fromarray(small.squeeze(), mode).resize((width, height), Image.Resampling.NEAREST)


# --- As large as allowed ----------------------------------------------------------------------------------------------


def largest(kind: str, mode: str, width: int, height: int, **options: object) -> Callable[[], bytes]:
    return lambda: padded(encoded(blocks(mode, width, height), kind, **options))


def large(kind: str, mode: str, **options: object) -> Callable[[], bytes]:
    return lambda: encoded(blocks(mode, *LARGE_WH), kind, **options)


def sixteen_bits(kind: str, width: int, height: int, **options: object) -> Callable[[], bytes]:
    def make() -> bytes:
        deep = np.asarray(blocks("L", width, height)).astype(np.uint16) * 257
        return padded(encoded(Image.fromarray(deep), kind, **options))

    return make


def palette_with_alpha(width: int, height: int) -> bytes:
    picture = blocks("L", width, height)
    picture.putpalette(bytes(range(256)) * 3)
    return padded(encoded(picture, "PNG", transparency=bytes(range(256)), compress_level=1))


def jpeg_without_an_end(width: int, height: int) -> bytes:
    """Decoded several times over, to find out whether all of it is there."""
    progressive = {"progressive": True} if width * height < 30_000_000 else {}
    return encoded(blocks("RGB", width, height), "JPEG", subsampling=0, **progressive)[:-2]


def jpeg_of_scans(count: int) -> bytes:
    """Each scan is ten bytes, and a decoder goes through all pixels for it."""
    content = encoded(blocks("L", 4000, 3000), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last : last + 10] * count + content[-2:]


# --- PNG --------------------------------------------------------------------------------------------------------------


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_with(*chunks: bytes, behind_pixels: bool = False) -> bytes:
    content = encoded(Image.new("RGB", (8, 8)), "PNG")
    at = content.index(b"IEND") - 4 if behind_pixels else content.index(b"IDAT") - 4
    return content[:at] + b"".join(chunks) + content[at:]


def compressed_text(times: int, megabytes: int) -> bytes:
    """zTXt chunks of a few kB that unpack to a lot."""
    packed = zlib.compress(bytes(megabytes << 20), 1)
    return png_with(*[png_chunk(b"zTXt", b"key%d\0\0" % at + packed) for at in range(times)])


def compressed_international_text(times: int) -> bytes:
    packed = zlib.compress(bytes(1_000_000), 9)
    return png_with(*[png_chunk(b"iTXt", b"key%d\0\1\0\0\0" % at + packed) for at in range(times)], behind_pixels=True)


def compressed_profile() -> bytes:
    return png_with(png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(200 << 20), 1)))


def png_of(width: int, height: int, row: bytes | None = None) -> bytes:
    """A PNG of zeros, of which no more than a row is made at a time."""
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(row or bytes(1 + width * 4)) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


# --- JPEG -------------------------------------------------------------------------------------------------------------


def segments(marker: int, *contents: bytes) -> bytes:
    return b"".join(b"\xff" + bytes([marker]) + struct.pack(">H", len(one) + 2) + one for one in contents)


def jpeg_with(inserted: bytes, size: tuple[int, int] = (16, 16)) -> bytes:
    content = encoded(Image.new("RGB", size), "JPEG")
    return content[:2] + inserted + content[2:]


def jpeg_that_says(width: int, height: int, **options: object) -> bytes:
    """A small picture whose header tells another size."""
    content = encoded(Image.new("RGB", (16, 16)), "JPEG", **options)
    frame = content.index(b"\xff\xc2" if options.get("progressive") else b"\xff\xc0") + 5
    return content[:frame] + struct.pack(">HH", height, width) + content[frame + 4 :]


def webp_that_says(width: int, height: int) -> bytes:
    content = encoded(Image.new("RGB", (16, 16)), "WEBP")
    return content[:26] + struct.pack("<HH", width, height) + content[30:]


def many_values(entries: int, kind: int, size: int) -> bytes:
    """A TIFF directory whose every entry points to the same large values."""
    unit = {1: 1, 3: 2, 4: 4, 7: 1}[kind]
    directory = struct.pack("<H", entries)
    directory += b"".join(struct.pack("<HHII", 0x1000 + at, kind, size // unit, 8) for at in range(entries)) + bytes(4)
    return b"II*\0\x08\0\0\0" + directory.ljust(size, b"\x7f")


# --- TIFF -------------------------------------------------------------------------------------------------------------


def tiff(entries: list[tuple[int, int, int, int]], rest: bytes, at: int = 400) -> bytes:
    """A little-endian TIFF of one directory of (tag, type, count, value or offset); `rest` stands at offset `at`."""
    packed = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return (b"II*\0\x08\0\0\0" + packed + bytes(4)).ljust(at, b"\0") + rest


def gray_tags(width: int, height: int, compression: int) -> list[tuple[int, int, int, int]]:
    return [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
    ]


def tiff_of_strips(count: int) -> bytes:
    """Each strip a number of 4 bytes in the file, and an object in memory."""
    tags = [*gray_tags(64, 64, 1), (278, 4, 1, 1), (273, 4, count, 400), (279, 4, count, 400)]
    return tiff(tags, struct.pack("<I", 500) * count)


def tiff_with_a_huge_tile(side: int) -> bytes:
    """A picture of 64 x 64 in one tile that unpacks to side x side."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(side)) for _ in range(side)) + packer.flush()
    tags = [*gray_tags(64, 64, 8), (322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 400), (325, 4, 1, len(packed))]
    return tiff(tags, packed)


def tiff_of_pages(count: int) -> bytes:
    page = Image.new("L", (1, 1))
    return encoded(page, "TIFF", save_all=True, append_images=[page] * (count - 1))


def tiff_whose_pages_are_a_circle() -> bytes:
    content = bytearray(encoded(Image.new("L", (8, 8)), "TIFF"))
    (start,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * entries, start)
    return bytes(content)


# --- Animations, and files of two kinds -------------------------------------------------------------------------------


def frames(kind: str, count: int, size: tuple[int, int] = (32, 32), **options: object) -> bytes:
    pictures = [Image.new("RGB", size, (at % 256, at // 256, 99)) for at in range(count)]
    return encoded(pictures[0], kind, save_all=True, append_images=pictures[1:], **options)


def with_zip(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("evil.html", "<script>alert(1)</script>")
    return content + file.getvalue()


def gif_and_script() -> bytes:
    """`GIF89a/*...*/=1;alert(1)` is JavaScript; its size is what `/*` reads as."""
    gif = bytearray(encoded(Image.new("L", (8, 8)), "GIF"))
    gif[6:8] = b"/*"
    return bytes(gif) + b"*/=1;alert(1)"


def text_with(name: str, value: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_itxt(name, value)
    return info
