"""Which part of a dataset a picture belongs to: by its reference alone, so the same for ever."""

import hashlib
import math
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from wholebody.errors import SettingsError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_UPLOAD = re.compile(r"/data/upload/(?:\d+/)?(?:[0-9a-f]{8}-)?")


@dataclass(frozen=True, slots=True)
class Splits:
    """Parts of a dataset.

    Attributes:
        shares: Name -> share of the pictures, in order; one part called `""` where nothing is split.
    """

    shares: dict[str, float]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `train=0.8,val=0.1,test=0.1`; `""` splits nothing.

        Raises:
            SettingsError: It is something else, or the shares do not make 1.
        """
        if not text.strip():
            return cls({"": 1.0})
        shares: dict[str, float] = {}
        for part in text.split(","):
            name, _, share = (piece.strip() for piece in part.partition("="))
            try:
                value = float(share)
            except ValueError:
                value = math.nan
            if not _NAME.fullmatch(name) or name in shares or not 0 < value <= 1:
                raise SettingsError(f"--split: {part.strip()!r} must be a name and a share, such as train=0.8")
            shares[name] = value
        if not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
            raise SettingsError(f"--split: the shares of {text!r} make {sum(shares.values()):g}, not 1")
        return cls(shares)

    def part_of(self, reference: str) -> str:
        """The part of a picture: by a hash of what `identity` leaves of its reference."""
        digest = hashlib.sha256(identity(reference).encode("utf-8", "surrogatepass")).digest()
        place, reached = int.from_bytes(digest[:8]) / 2**64, 0.0
        for name, share in self.shares.items():
            reached += share
            if place < reached:
                return name
        return next(reversed(self.shares))


def identity(reference: str) -> str:
    """What stays the same of a reference when its picture is uploaded or signed anew.

    Of an upload its name, without the project and the eight characters that Label Studio puts before it; of an
    address what comes before its query, which may be a signature; of a local file its path.
    """
    if reference[:5].lower() == "data:":
        return reference
    address = urlsplit(reference.strip())
    if address.path.endswith("/data/local-files/"):
        return (parse_qs(address.query).get("d") or [reference])[0]
    if match := _UPLOAD.search(address.path):
        return unquote(address.path[match.end() :])
    return f"{address.netloc.lower()}{unquote(address.path)}" if address.path else reference
