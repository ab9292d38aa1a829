"""Regions of real size, for stand-ins of the model."""

from typing import Any


def point_regions(count: int) -> list[dict[str, Any]]:
    """So many points of a person."""
    region = {
        "from_name": "kp",
        "to_name": "img",
        "type": "keypointlabels",
        "original_width": 1920,
        "original_height": 1080,
        "image_rotation": 0,
        "value": {"x": 12.345678, "y": 23.456789, "width": 0.31, "keypointlabels": ["left_shoulder"]},
        "score": 0.8765,
    }
    return [region | {"id": f"{number:08x}", "parentID": "0badcafe"} for number in range(count)]
