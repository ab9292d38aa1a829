"""Regions as the editor writes them, for the tests of this folder. A picture has 200 x 100 pixels."""

from typing import Any

from wholebody.labeling.config_writer import write_config
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config

WIDTH, HEIGHT = 200, 100
COMMON = {"to_name": "img", "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}


def point(name: str, x: float, y: float, parent: str | None = None, **changes: Any) -> dict[str, Any]:
    """A keypoint at a place in pixels."""
    value = {"x": x * 100 / WIDTH, "y": y * 100 / HEIGHT, "width": 0.4, "keypointlabels": [name]}
    region = COMMON | {"id": f"{name}-{x}-{y}", "from_name": "body", "type": "keypointlabels", "value": value}
    return region | ({"parentID": parent} if parent else {}) | {"origin": "manual"} | changes


def hidden(region: dict[str, Any]) -> dict[str, Any]:
    """The second result of a point that an annotator marked as hidden."""
    return {
        "id": region["id"],
        "from_name": "visibility",
        "to_name": "img",
        "type": "choices",
        "value": {"choices": ["hidden"]},
    }


def box(
    region_id: str, left: float, top: float, right: float, bottom: float, label: str = "person", **changes: Any
) -> dict[str, Any]:
    """A box between two corners in pixels."""
    x, y, w, h = left / WIDTH, top / HEIGHT, (right - left) / WIDTH, (bottom - top) / HEIGHT
    value = {"x": x * 100, "y": y * 100, "width": w * 100, "height": h * 100, "rotation": 0, "rectanglelabels": [label]}
    region = COMMON | {"id": region_id, "from_name": "box", "type": "rectanglelabels", "value": value}
    return region | {"origin": "manual"} | changes


def skeleton(
    region_id: str, label: str, joints: dict[str, tuple[float, float]], parent: str | None = None, **of_vertices: Any
) -> dict[str, Any]:
    """A skeleton with joints at places in pixels."""
    vertices = [
        {"id": name, "x": x * 100 / WIDTH, "y": y * 100 / HEIGHT, "prevPointId": None, "isBezier": False}
        | of_vertices.get(name, {})
        for name, (x, y) in joints.items()
    ]
    value = {"vertices": vertices, "closed": False, "vectorlabels": [label]}
    region = COMMON | {"id": region_id, "from_name": "skeleton", "type": "vectorlabels", "value": value}
    return region | ({"parentID": parent} if parent else {}) | {"origin": "prediction"}


def task(*result: object, number: int = 7, **changes: Any) -> dict[str, Any]:
    """A task with one annotation."""
    annotation = {"id": 1, "was_cancelled": False, "result": list(result), "updated_at": "2026-01-01T00:00:00Z"}
    return {"id": number, "data": {"image": f"/data/{number}.jpg"}, "annotations": [annotation]} | changes


def our_config(*, skeletons: bool = False) -> LabelingConfig:
    """What `wholebody config` prints, read."""
    from wholebody.keypoints import Part

    return parse_labeling_config(write_config(tuple(Part), skeleton=skeletons))
