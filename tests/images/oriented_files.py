"""Image files that say by themselves how they want to be turned, in every way known to us. No test of its own."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

BYTE, ASCII, SHORT, LONG, RATIONAL, SIGNED_BYTE, UNDEFINED, SIGNED_SHORT, SIGNED_LONG, FLOAT = (
    1, 2, 3, 4, 5, 6, 7, 8, 9, 11,
)  # fmt: skip
ORIENTATION, EXIF_DIRECTORY, MAKE = 0x0112, 0x8769, 0x010F
PREFIX = b"Exif\0\0"

# Four colours, so that every turn and mirroring is another picture; no side is a multiple of the other.
COLOURS = np.array([[(220, 30, 30), (30, 200, 30)], [(30, 30, 220), (230, 230, 40)]], np.uint8)
STORED = Image.fromarray(np.kron(COLOURS, np.ones((16, 24, 1), np.uint8)))

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{}"/></rdf:RDF></x:xmpmeta>'
)

Entry = tuple[int, int, int, int | bytes]
"""Tag, type, count, and the value: a number, or the four bytes of its field."""


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def directory(order: str, entries: list[Entry], following: int = 0) -> bytes:
    packed = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        small = {1: "B", 2: "B", 3: "H", 6: "b", 7: "B", 8: "h", 9: "i"}.get(kind, "I")
        field = value if isinstance(value, bytes) else struct.pack(order + small, value)
        packed += struct.pack(order + "HHI", tag, kind, count) + field.ljust(4, b"\0")
    return packed + struct.pack(order + "I", following)


def exif(*entries: Entry, order: str = "<", at: int = 8, magic: int = 42, following: bytes = b"") -> bytes:
    """What follows `Exif\\0\\0`: a TIFF without a picture, its first directory at `at`."""
    head = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", magic, at).ljust(at, b"\0")
    length = len(directory(order, list(entries)))
    return head + directory(order, list(entries), at + length if following else 0) + following


def turn(value: int | bytes = 6, kind: int = SHORT, count: int = 1, **options: object) -> bytes:
    return exif((ORIENTATION, kind, count, value), **options)  # type: ignore[arg-type]


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def app1(tiff: bytes, prefix: bytes = PREFIX) -> bytes:
    return segment(0xE1, prefix + tiff)


def xmp_segment(orientation: int) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP.format(orientation).encode())


JPEG = encode(STORED, "JPEG", quality=95, subsampling=0)


def jpeg(*segments: bytes, before: bytes = b"\xff\xdb", content: bytes = JPEG) -> bytes:
    """A JPEG with segments before the first of a kind: as a rule, before its quantization tables."""
    at = content.index(before)
    return content[:at] + b"".join(segments) + content[at:]


def jpegs() -> Iterator[tuple[str, int, bytes]]:
    for value in range(10):
        yield f"value {value}", value if 1 <= value <= 8 else 1, jpeg(app1(turn(value)))
    yield "value 65535", 1, jpeg(app1(turn(65535)))
    yield "big endian", 6, jpeg(app1(turn(order=">")))
    for kind in (BYTE, ASCII, LONG, RATIONAL, SIGNED_BYTE, UNDEFINED, SIGNED_SHORT, SIGNED_LONG, FLOAT, 0, 13, 255):
        for order in "<>":
            yield f"type {kind} {order}", 1, jpeg(app1(turn(kind=kind, order=order)))
    yield "ASCII digit", 1, jpeg(app1(turn(b"6\0", ASCII, 2)))
    yield "float 6.0", 1, jpeg(app1(turn(struct.pack("<f", 6), FLOAT)))
    yield "BYTE big endian at the end", 1, jpeg(app1(turn(b"\0\6", BYTE, order=">")))
    yield "LONG over 16 bits", 1, jpeg(app1(turn(0x10006, LONG)))
    yield "SHORT with junk in its other half", 6, jpeg(app1(turn(b"\6\0\7\7")))
    for count in (0, 2, 3, 0xFFFFFFFF):
        yield f"count {count}", 1, jpeg(app1(turn(count=count)))
    yield "two values", 1, jpeg(app1(turn(b"\6\0\3\0", count=2)))
    # where the tag stands
    make = (MAKE, ASCII, 4, b"abc\0")
    yield "after another tag", 6, jpeg(app1(exif(make, (ORIENTATION, SHORT, 1, 6))))
    yield "before a smaller tag", 6, jpeg(app1(exif((ORIENTATION, SHORT, 1, 6), make)))
    yield "twice", 6, jpeg(app1(exif((ORIENTATION, SHORT, 1, 6), (ORIENTATION, SHORT, 1, 3))))
    yield "twice, first invalid", 3, jpeg(app1(exif((ORIENTATION, SHORT, 1, 9), (ORIENTATION, SHORT, 1, 3))))
    yield "twice, second invalid", 3, jpeg(app1(exif((ORIENTATION, SHORT, 1, 3), (ORIENTATION, SHORT, 1, 9))))
    yield "twice, second of another type", 3, jpeg(app1(exif((ORIENTATION, SHORT, 1, 3), (ORIENTATION, LONG, 1, 6))))
    second = directory("<", [(ORIENTATION, SHORT, 1, 6)])
    yield "second directory alone", 1, jpeg(app1(exif(make, following=second)))
    yield "both directories", 3, jpeg(app1(exif((ORIENTATION, SHORT, 1, 3), following=second)))
    inner = exif((EXIF_DIRECTORY, LONG, 1, 8 + 2 + 12 + 4)) + second
    yield "Exif directory alone", 6, jpeg(app1(inner))
    place = 8 + 2 + 12 + 12 + 4
    first, then = (EXIF_DIRECTORY, LONG, 1, place), (ORIENTATION, SHORT, 1, 3)
    yield "Exif directory before the tag", 6, jpeg(app1(exif(first, then) + second))
    yield "Exif directory after the tag", 3, jpeg(app1(exif(then, first) + second))
    yield "directory farther on", 6, jpeg(app1(turn(at=5000)))
    yield "directory at an odd place", 6, jpeg(app1(turn(at=11)))
    yield "directory cut off", 6, jpeg(app1(turn()[:-4]))
    yield "directory cut in its tag", 1, jpeg(app1(turn()[:-8]))
    yield "directory behind the segment", 1, jpeg(app1(turn()[:8] + turn(at=8)[8:14]))
    yield "more entries said than there", 6, jpeg(app1(turn()[:8] + b"\x40\0" + turn()[10:]))
    last = exif(make, (ORIENTATION, SHORT, 1, 6))
    yield "more entries than there, the tag last", 6, jpeg(app1(last[:8] + b"\3\0" + last[10:-4]))
    yield "circle of directories", 6, jpeg(app1(turn()[:-4] + struct.pack("<I", 8)))
    yield "without a next directory", 6, jpeg(app1(turn()[:-4]))
    yield "no entries", 1, jpeg(app1(exif()))
    # how its TIFF begins
    for magic in (0, 43, 0x4F52, 0x55):
        yield f"magic {magic}", 1, jpeg(app1(turn(magic=magic)))
    yield "mixed byte order", 1, jpeg(app1(b"MM" + turn()[2:]))
    yield "byte order unknown", 1, jpeg(app1(b"XX" + turn()[2:]))
    yield "lower-case byte order", 1, jpeg(app1(b"ii" + turn()[2:]))
    for prefix in (b"", b"Exif\0", b"exif\0\0", b"EXIF\0\0", b"\0\0Exif\0\0", b"Exif\0\0Exif\0\0", b"Exif  "):
        yield f"prefix {prefix!r}", 1, jpeg(app1(turn(), prefix))
    yield "padding of one", 6, jpeg(app1(turn(), b"Exif\0\1"))
    yield "padding of 255", 6, jpeg(app1(turn(), b"Exif\0\xff"))
    # where its segment stands
    yield "first segment", 6, jpeg(app1(turn()), before=b"\xff\xe0")
    yield "no JFIF", 6, JPEG[:2] + app1(turn()) + JPEG[JPEG.index(b"\xff\xdb") :]
    yield "after a comment", 6, jpeg(segment(0xFE, b"comment"), app1(turn()))
    yield "after a long APP2", 6, jpeg(segment(0xE2, bytes(60_000)), app1(turn()))
    yield "after XMP", 6, jpeg(xmp_segment(1), app1(turn()))
    yield "before contradicting XMP", 6, jpeg(app1(turn()), xmp_segment(3))
    yield "XMP alone", 1, jpeg(xmp_segment(6))
    yield "after the tables", 6, jpeg(app1(turn()), before=b"\xff\xc0")
    yield "after the frame", 6, jpeg(app1(turn()), before=b"\xff\xc4")
    yield "before the scan", 6, jpeg(app1(turn()), before=b"\xff\xda")
    yield "before the end", 1, jpeg(app1(turn()), before=b"\xff\xd9")
    yield "behind the end", 1, JPEG + app1(turn())
    progressive = encode(STORED, "JPEG", quality=95, progressive=True)
    scan = progressive.index(b"\xff\xda", progressive.index(b"\xff\xda") + 1)
    yield "between scans", 1, progressive[:scan] + app1(turn()) + progressive[scan:]
    yield "progressive", 6, jpeg(app1(turn()), content=progressive)
    yield "padded before the marker", 6, jpeg(b"\xff\xff\xff" + app1(turn()))
    yield "in APP2", 1, jpeg(segment(0xE2, PREFIX + turn()))
    yield "in APP13", 1, jpeg(segment(0xED, PREFIX + turn()))
    yield "first EXIF without it", 1, jpeg(app1(exif(make)), app1(turn()))
    yield "first EXIF upright", 1, jpeg(app1(turn(1)), app1(turn()))
    yield "first EXIF invalid", 1, jpeg(app1(turn(9)), app1(turn()))
    yield "first EXIF broken", 1, jpeg(app1(b"XX*\0" + bytes(20)), app1(turn()))
    yield "first EXIF empty", 6, jpeg(app1(b""), app1(turn()))
    yield "two EXIF", 6, jpeg(app1(turn()), app1(turn(3)))
    yield "two EXIF, second upright", 6, jpeg(app1(turn()), app1(turn(1)))
    yield "two EXIF, second without it", 6, jpeg(app1(turn()), app1(exif(make)))
    yield "EXIF of 65 kB", 6, jpeg(app1(turn() + bytes(65_000)))
    long = turn(at=70_000)
    yield "EXIF in two segments", 1, jpeg(app1(long[:65_000]), app1(long[65_000:]))
    yield "EXIF of 1.2 MB", 6, jpeg(app1(turn() + bytes(65_000)), *[app1(bytes(65_000))] * 19)
    # other JPEGs
    yield "gray", 6, jpeg(app1(turn()), content=encode(STORED.convert("L"), "JPEG", quality=95))
    cmyk = encode(STORED.convert("CMYK"), "JPEG", quality=95, subsampling=0)
    yield "CMYK", 6, jpeg(app1(turn()), content=cmyk)
    yield "trailer", 6, jpeg(app1(turn())) + b"trailing bytes"
    yield "without its end", 6, jpeg(app1(turn()), content=progressive)[:-2]
    pair = encode(STORED, "MPO", quality=95, subsampling=0, save_all=True, append_images=[STORED.rotate(180)])
    yield "MPO", 6, jpeg(app1(turn()), content=pair)
    yield "MPO, second turned", 1, JPEG + jpeg(app1(turn()))


def chunk(name: bytes, content: bytes, checksum: int = 0) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content) ^ checksum)


def raw_profile(name: str = "exif", tiff: bytes = PREFIX + turn()) -> bytes:
    """As ImageMagick keeps EXIF in texts of a PNG."""
    return b"\n" + name.encode() + b"\n%8d\n" % len(tiff) + tiff.hex().encode() + b"\n"


PNG = encode(STORED, "PNG")


def png(*chunks: bytes, before: bytes = b"IDAT", content: bytes = PNG) -> bytes:
    at = content.index(before) - 4
    return content[:at] + b"".join(chunks) + content[at:]


def pngs() -> Iterator[tuple[str, int, bytes]]:
    for value in (0, *range(2, 10)):
        yield f"value {value}", value if 1 <= value <= 8 else 1, png(chunk(b"eXIf", turn(value)))
    yield "big endian", 6, png(chunk(b"eXIf", turn(order=">")))
    for kind in (BYTE, LONG, SIGNED_SHORT):
        yield f"type {kind}", 1, png(chunk(b"eXIf", turn(kind=kind)))
    yield "count 2", 1, png(chunk(b"eXIf", turn(count=2)))
    yield "prefix", 1, png(chunk(b"eXIf", PREFIX + turn()))
    yield "after IHDR", 6, png(chunk(b"eXIf", turn()))
    yield "behind the pixels", 1, png(chunk(b"eXIf", turn()), before=b"IEND")
    yield "behind the end", 1, PNG + chunk(b"eXIf", turn())
    yield "two", 6, png(chunk(b"eXIf", turn()), chunk(b"eXIf", turn(3)))
    yield "two, before and behind", 6, png(chunk(b"eXIf", turn(3)), before=b"IEND", content=png(chunk(b"eXIf", turn())))
    yield "wrong checksum", 1, png(chunk(b"eXIf", turn(), 1))
    yield "wrong checksum behind the pixels", 1, png(chunk(b"eXIf", turn(), 1), before=b"IEND")
    for name in ("exif", "APP1"):
        key, text = b"Raw profile type " + name.encode() + b"\0", raw_profile(name)
        yield f"tEXt {name}", 1, png(chunk(b"tEXt", key + text))
        yield f"zTXt {name}", 1, png(chunk(b"zTXt", key + b"\0" + zlib.compress(text)))
        yield f"iTXt {name}", 1, png(chunk(b"iTXt", key + bytes(4) + text))
        yield f"zTXt {name} behind", 1, png(chunk(b"zTXt", key + b"\0" + zlib.compress(text)), before=b"IEND")
    profile = chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile())
    yield "contradicting text", 3, png(profile, chunk(b"eXIf", turn(3)))
    yield "XMP", 1, png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP.format(6).encode()))
    palette = encode(STORED.convert("P", palette=Image.Palette.ADAPTIVE), "PNG")
    yield "palette", 6, png(chunk(b"eXIf", turn()), content=palette)
    yield "palette, before it", 6, png(chunk(b"eXIf", turn()), before=b"PLTE", content=palette)
    yield "EXIF of 1.2 MB", 6, png(chunk(b"eXIf", turn() + bytes(1_200_000)))
    animation = encode(STORED, "PNG", save_all=True, append_images=[STORED.rotate(180)])
    yield "animated", 6, png(chunk(b"eXIf", turn()), content=animation)


def webps() -> Iterator[tuple[str, int, bytes]]:
    lossless = {"lossless": True}
    for value in range(2, 9):
        yield f"value {value}", 1, encode(STORED, "WEBP", exif=turn(value), **lossless)
    yield "prefix", 1, encode(STORED, "WEBP", exif=PREFIX + turn(), **lossless)
    yield "big endian", 1, encode(STORED, "WEBP", exif=turn(order=">"), **lossless)
    yield "lossy", 1, encode(STORED, "WEBP", exif=turn(), quality=100)
    yield "alpha", 1, encode(STORED.convert("RGBA"), "WEBP", exif=turn(), **lossless)
    yield "XMP", 1, encode(STORED, "WEBP", xmp=XMP.format(6).encode(), **lossless)
    frames = {"save_all": True, "append_images": [STORED.rotate(180)]}
    yield "animated", 1, encode(STORED, "WEBP", exif=turn(), **frames, **lossless)
    plain = encode(STORED, "WEBP", exif=turn(), **lossless)
    at = plain.index(b"VP8X") + 8
    yield "EXIF not announced", 1, plain[:at] + bytes([plain[at] & ~8]) + plain[at + 1 :]


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    assert content.count(old) == 1
    return content.replace(old, new)


def avifs() -> Iterator[tuple[str, int, bytes]]:
    options = {"quality": 100, "subsampling": "4:4:4"}
    for value in range(2, 9):
        yield f"irot and imir {value}", value, encode(STORED, "AVIF", exif=turn(value), **options)
    # Pillow writes an orientation into boxes and not into the EXIF: it gets one by another name.
    named = struct.pack("<HHI", ORIENTATION, SHORT, 1)
    other = struct.pack("<HHI", ORIENTATION + 1, SHORT, 1)
    alone = encode(STORED, "AVIF", exif=exif((ORIENTATION + 1, SHORT, 1, 6)), **options)
    yield "EXIF alone", 1, replaced(alone, other, named)
    both = encode(STORED, "AVIF", exif=exif((ORIENTATION, SHORT, 1, 3), (ORIENTATION + 1, SHORT, 1, 6)), **options)
    yield "EXIF against irot", 3, replaced(both, other, named)
    for name, damage in {"of no TIFF": b"XX*\0", "empty": bytes(20)}.items():
        start = both.index(b"II*\0")
        yield f"irot and EXIF {name}", 3, both[:start] + damage + both[start + len(damage) :]
    yield "XMP", 1, encode(STORED, "AVIF", xmp=XMP.format(6).encode(), **options)


def others() -> Iterator[tuple[str, int, bytes]]:
    yield "GIF", 1, encode(STORED, "GIF")
    bmp = encode(STORED, "BMP")
    yield "BMP", 1, bmp
    width, height = STORED.size
    rows = [bmp[54 + row * width * 3 : 54 + (row + 1) * width * 3] for row in range(height)]
    yield "BMP from the top", 1, bmp[:22] + struct.pack("<i", -height) + bmp[26:54] + b"".join(reversed(rows))


def all_files() -> dict[str, tuple[int, bytes]]:
    """Name -> the orientation that Chromium 156 shows it by, and the file."""
    kinds = {"JPEG": jpegs, "PNG": pngs, "WebP": webps, "AVIF": avifs, "": others}
    return {
        f"{kind} {name}".strip(): (shown, content) for kind, make in kinds.items() for name, shown, content in make()
    }
