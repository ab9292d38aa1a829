"""A detector's raw outputs -> people: equal to rtmlib's own decoding, finite whatever a network says."""

import numpy as np
import pytest

from wholebody.errors import ModelError
from wholebody.estimation.detections import decode_detections, distinct


@pytest.mark.parametrize("classes", [1, 80])
def test_raw_yolox_head_equals_rtmlib(classes: int) -> None:
    """People only: rtmlib gives the boxes of all classes; with one class both are the same."""
    from rtmlib.tools.object_detection.yolox import YOLOX

    rng = np.random.default_rng(classes)
    raw = rng.normal(0, 1, (1, (416 // 8) ** 2 + (416 // 16) ** 2 + (416 // 32) ** 2, 5 + classes)).astype(np.float32)
    raw[..., 4:] = rng.uniform(0, 1, raw[..., 4:].shape) ** 3
    people_only = raw.copy()
    people_only[..., 6:] = 0
    reference = YOLOX.__new__(YOLOX)
    reference.model_input_size, reference.nms_thr, reference.score_thr = (416, 416), 0.45, 0.3
    reference.det_mode = "human"
    expected = reference.postprocess(people_only, 1.0)
    found = decode_detections([raw], (416, 416), 0.3)
    assert len(found.xyxy) == len(expected) > 10
    np.testing.assert_allclose(np.sort(found.xyxy, axis=0), np.sort(expected, axis=0), rtol=1e-4, atol=1e-3)


def test_in_graph_nms_keeps_people_of_many_classes() -> None:
    dets = np.array([[[0, 0, 10, 20, 0.9], [0, 0, 11, 20, 0.8]]], np.float32)
    found = decode_detections([dets, np.array([[2, 0]])], (64, 64), 0.3)
    np.testing.assert_allclose(found.scores, [0.8])


@pytest.mark.parametrize(
    ("output", "size", "message"),
    [
        (np.zeros((1, 100, 4)), (64, 64), r"shape \(1, 100, 4\); known are"),
        (np.zeros((1, 100)), (64, 64), r"shape \(1, 100\); known are"),
        (np.zeros((1, 100, 85)), (64, 64), r"100 rows, not 84; check DET_INPUT_SIZE"),
    ],
)
def test_unknown_detector_output(output: np.ndarray, size: tuple[int, int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        decode_detections([output.astype(np.float32)], size, 0.3)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([], []),
        ([(0, 0, 30, 60, 0.8), (0, 0, 30, 60, 0.9), (1, 0, 30, 60, 0.7)], [1]),  # one person, three times
        ([(0, 0, 30, 60, 0.8), (25, 0, 55, 60, 0.9)], [1, 0]),  # two who stand close
        ([(70, 0, 90, 30, 0.9), (-30, -30, -5, -5, 0.9), (0, 40, 9, 99, 0.5)], [2]),  # beyond the image
        ([(-50, 0, 0.5, 60, 0.9), (5, 5, 5.5, 60, 0.9), (30, 5, 20, 9, 0.9)], []),  # no pixel wide in it
        ([(-40, 0, 20, 60, 0.9), (-4, 0, 20, 60, 0.8)], [0]),  # one person, as far as can be seen
        ([(np.nan, 0, 9, 9, 0.9), (0, 0, np.inf, 9, 0.9), (0, 0, 9, 9, 0.4)], [2]),
    ],
)
def test_nobody_is_seen_twice_or_outside_the_image(boxes: list[tuple[float, ...]], expected: list[int]) -> None:
    rows = np.array(boxes, np.float32).reshape(-1, 5)
    assert distinct(rows[:, :4], rows[:, 4], (64, 64)).tolist() == expected
