"""A dataset's COCO file, and whether two of them say the same, number by number. No test of its own."""

from pathlib import Path
from typing import Any

TOLERANCE_PX = 0.01


def coco_file(dataset: Path, part: str = "default") -> Path:
    """The file that an export wrote of a part of the dataset, or of all."""
    (path,) = (dataset / "annotations").glob(f"*_{part}.json")
    return path


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What of the images and annotations of a file another one lacks, or has otherwise."""
    found = []
    for key in ("images", "annotations"):
        there = {one["id"]: one for one in after[key]}
        if len(there) != len(before[key]):
            found.append(f"{len(there)} {key}, not {len(before[key])}")
        for one in before[key]:
            found += _compare(one, there.get(one["id"]), f"{key} {one['id']}")
    return found


def _compare(before: Any, after: Any, where: str) -> list[str]:
    if isinstance(before, dict):
        if not isinstance(after, dict):
            return [f"{where}: {after!r}"]
        return [one for key in before for one in _compare(before[key], after.get(key), f"{where} {key}")]
    if isinstance(before, list):
        if not isinstance(after, list) or len(before) != len(after):
            return [f"{where}: another length"]
        pairs = zip(before, after, strict=True)
        return [one for number, pair in enumerate(pairs) for one in _compare(*pair, f"{where}[{number}]")]
    if isinstance(before, int | float) and not isinstance(before, bool):
        is_same = isinstance(after, int | float) and abs(before - after) <= TOLERANCE_PX
        return [] if is_same else [f"{where}: {after!r} is not {before!r}"]
    return [] if before == after else [f"{where}: {after!r} is not {before!r}"]
