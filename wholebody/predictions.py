"""The two types in which predictions travel: to Label Studio, into files and between processes."""

from typing import Any, TypedDict

Region = dict[str, Any]
"""One region as Label Studio's JSON has it; see `labeling/regions.py`."""


class Prediction(TypedDict):
    """What Label Studio stores for a task."""

    result: list[Region]
    score: float
    model_version: str
