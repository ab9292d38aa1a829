"""Pieces of files as one file, without a copy of them."""

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO


def joined(pieces: Sequence[memoryview | bytes]) -> BinaryIO:
    """A file that reads as these pieces, one after the other; none of them is empty."""
    return io.BufferedReader(_Pieces(pieces))


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Sequence[memoryview | bytes]) -> None:
        self._pieces = pieces
        self._ends = list(accumulate(map(len, pieces)))
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ends[-1]}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        filled = 0
        for index in range(bisect_right(self._ends, self._at), len(self._pieces)):
            piece = self._pieces[index]
            start = len(piece) - (self._ends[index] - self._at)
            part = piece[start : start + len(buffer) - filled]
            buffer[filled : filled + len(part)] = part
            filled += len(part)
            self._at += len(part)
            if filled == len(buffer):
                break
        return filled
