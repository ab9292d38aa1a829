"""A data URI -> its bytes, piece by piece: it may be larger than the picture in it, and is not copied whole."""

import binascii
import io
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from wholebody.errors import ImageError

_PIECE_CHARACTERS = 1 << 20
_SPACE = b" \t\n\r\x0b\x0c"


def read_data_uri(reference: str, max_bytes: int) -> bytes:
    """Decode a data URI; base64 may have white space, encoded signs and no padding, as browsers allow.

    Raises:
        ImageError: It has no comma, its base64 is broken, or it holds more than `max_bytes`.
    """
    comma = reference.find(",")
    if comma < 0:
        raise ImageError("is a data URI without a comma", cause="image_unreadable")
    pieces = _unquoted(reference, comma + 1)
    if reference[max(0, comma - 7) : comma].lower() == ";base64":
        pieces = _from_base64(pieces)
    content = io.BytesIO()
    for piece in pieces:
        content.write(piece)
        if content.tell() > max_bytes:
            raise ImageError(f"is over the limit of {max_bytes} bytes (IMAGE_MAX_BYTES)", cause="image_too_large")
    return content.getvalue()


def _unquoted(reference: str, start: int) -> Iterator[bytes]:
    while start < len(reference):
        end = start + _PIECE_CHARACTERS
        sign = reference.rfind("%", max(start, end - 2), end)  # an encoded sign is not cut in two
        if sign > start and end < len(reference):
            end = sign
        yield unquote_to_bytes(reference[start:end])
        start = end


def _from_base64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    try:
        for piece in pieces:
            text = rest + piece.translate(None, _SPACE)
            whole = len(text) - 4 if len(text) % 4 == 0 else len(text) // 4 * 4
            whole = max(0, whole)  # the last four may hold the padding: they wait for the end
            yield binascii.a2b_base64(text[:whole], strict_mode=True)
            rest = text[whole:]
        yield binascii.a2b_base64(rest + b"=" * (-len(rest) % 4), strict_mode=True)
    except binascii.Error:
        raise ImageError("is a data URI whose base64 is broken", cause="image_unreadable") from None
