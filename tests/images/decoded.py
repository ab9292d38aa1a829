"""`decode(content)`: the pixels of a file, with as much memory as is given, all of it its own. No test of its own."""

from unittest.mock import patch

from wholebody.images import decoder_memory
from wholebody.images.decoding import Picture, decode_image
from wholebody.process.memory_budget import MemoryBudget

PLENTY = 1_000_000_000


def decode(content: bytes, most_bytes: int = PLENTY, full_pixels: int = decoder_memory.FULL_PIXELS) -> Picture:
    with patch.object(decoder_memory, "FULL_PIXELS", full_pixels):
        return decode_image(content, MemoryBudget(most_bytes))
