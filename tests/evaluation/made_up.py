"""Metrics and people that nobody measured, in the form of metrics.json: for the tests of the report's page."""

from typing import Any

import numpy as np

from wholebody.keypoints import NAMES, PARTS, SIGMAS, Part

PARTS_OF_COCO = ("wholebody", "body", "foot", "face", "lefthand", "righthand")
LEAVING = {Part.BODY: 0.94, Part.FEET: 0.88, Part.FACE: 0.97, Part.LEFT_HAND: 0.72, Part.RIGHT_HAND: 0.66}


def metrics(*versions: str, seed: int = 1) -> dict[str, Any]:
    """Metrics of one or more model versions, each better than the one before."""
    names = versions or ("wholebody-balanced-1f0c", "wholebody-performance-77aa")
    rng = np.random.default_rng(seed)
    return {
        "format": 1,
        "source": {"project": 7},
        "counts": {
            "tasks": 412, "images": 415, "people": 1630,
            "left_out": [
                {"reason": "a task without an annotation", "count": 31, "is_loss": False, "tasks": ["8", "9", "12"]},
                {"reason": "an image whose size nothing tells", "count": 1, "is_loss": True, "tasks": ["77"]},
            ],
        },
        "model_versions": {name: _version(rng, number / len(names)) for number, name in enumerate(names)},
        "annotators": {
            "ada@example.com": _annotator(rng, 0.9, 16), "ben@example.com": _annotator(rng, 0.999, 18),
            "3": _annotator(rng, 0.7, 0),
        },
        "agreement": {
            "tasks": 40, "pairs": 42, "people": {"both": 120, "one": 7},
            "oks": dict.fromkeys(PARTS_OF_COCO, 0.91),
            "points": {
                "all": _agreed(9000), "keypoints": {}, "parts": {part.value: _agreed(2000) for part in Part},
            },
            "annotators": [
                {"annotators": ["3", "ada@example.com"], "tasks": 40, "people": {"both": 120, "one": 7}, "oks": 0.91,
                 "points": _agreed(9000)},
            ],
        },
        "sigmas": {
            name: {"sigma": sigma * 1.3 if k % 9 else None, "coco": sigma, "count": 80, "same": 3}
            for k, (name, sigma) in enumerate(zip(NAMES, SIGMAS, strict=True))
        },
    }  # fmt: skip


def _agreed(both: int) -> dict[str, Any]:
    return {
        "both": both, "same": both // 2, "one": both // 20,
        "apart_px": {"median": 2.5, "p95": 9.0}, "apart_share": {"median": 0.006, "p95": 0.02},
        "pck": {"0.05": 0.97, "0.1": 0.99, "0.2": 1.0}, "nme": 0.004,
    }  # fmt: skip


def _annotator(rng: np.random.Generator, leaving: float, fast: int) -> dict[str, Any]:
    return {
        "annotations": 140, "people": {"kept": 500, "missed": 15, "removed": 4},
        "points": {"all": points(rng, leaving, 60_000), "parts": {}},
        "lead_time": {"count": 140, "mean": 50.0, "median": 41.0, "p95": 140.0},
        "swaps": 2, "outside_box": 3, "outside_box_annotated": 4,
        "unchanged": 2 * fast, "unchanged_fast": fast, "unchanged_fast_tasks": [*range(fast)],
        "offsets": {
            "left_hip": {"count": 60, "x": 0.002, "y": -0.04, "noise": 0.02},
            "nose": {"count": 60, "x": 0.0, "y": 0.0, "noise": 0.01},
        },
    }  # fmt: skip


def points(rng: np.random.Generator, leaving: float, predicted: int) -> dict[str, Any]:
    leaving = float(np.clip(leaving + rng.normal(0, 0.03), 0.05, 0.999))
    unmoved = int(leaving * predicted)
    deleted = int((predicted - unmoved) * 0.2)
    median = float(0.01 + 0.1 * (1 - leaving) * rng.uniform(0.5, 1.5))
    return {
        "predicted": predicted, "unmoved": unmoved, "moved": predicted - unmoved - deleted, "deleted": deleted,
        "added": deleted // 2, "hidden": deleted // 3,
        "moved_px": {"median": median * 300, "p95": median * 1000},
        "moved_share": {"median": median, "p95": median * 3.4},
        "pck": {"0.05": leaving, "0.1": min(1.0, leaving + 0.03), "0.2": min(1.0, leaving + 0.06)},
        "nme": median * (1 - leaving),
        "offset": {"x": float(rng.normal(0, 0.01)), "y": float(rng.normal(0, 0.01)), "noise": median},
    }  # fmt: skip


def _version(rng: np.random.Generator, better: float) -> dict[str, Any]:
    def leaving(part: Part) -> float:
        return 1 - (1 - LEAVING[part]) * (1 - 0.6 * better)

    return {
        "tasks": 412,
        "coco": {part: {"AP": 0.6 + 0.2 * better, "AP50": 0.8, "AP75": 0.7, "AR": 0.7} for part in PARTS_OF_COCO},
        "people": {"kept": 1570, "missed": 44, "removed": 16},
        "points": {
            "all": points(rng, 0.88 + 0.06 * better, 200_000),
            "parts": {part.value: points(rng, leaving(part), 30_000) for part in Part},
            "keypoints": {name: points(rng, leaving(PARTS[k]), 1500) for k, name in enumerate(NAMES)},
        },
        "scores": {
            "parts": {part.value: _reliability(rng, 0.25 * (1 - LEAVING[part])) for part in Part},
            "first_tenth": 0.34,
        },
        "lead_time": {"median": 41.5, "p95": 160.0},
        "swaps": 14, "outside_box": 9, "unchanged_fast": 18,
    }  # fmt: skip


def _reliability(rng: np.random.Generator, ece: float) -> dict[str, Any]:
    bins = []
    for low in np.arange(10) / 10:
        score = float(low + 0.05)
        right = float(np.clip(score**1.4 + rng.normal(0, 0.02), 0, 1))
        count = int(3000 * score**3)
        bins.append({"low": float(low), "high": float(low + 0.1), "count": count, "score": score, "right": right})
    return {"ece": ece, "bins": bins}
