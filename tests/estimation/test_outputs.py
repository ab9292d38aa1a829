"""Raw outputs -> people and keypoints: equal to rtmlib's own decoding, finite whatever a network says."""

import numpy as np
import pytest
from rtmlib.tools.pose_estimation.post_processings import get_simcc_maximum

from wholebody.errors import ModelError
from wholebody.estimation.outputs import check_simcc, decode_detections, decode_simcc

RNG = np.random.default_rng(5)
WIDTHS = (384, 512)


def random_simcc(people: int) -> list[np.ndarray]:
    return [RNG.normal(0, 1, (people, 133, width)).astype(np.float32) for width in WIDTHS]


def simcc(x: int, y: int, score: float) -> list[np.ndarray]:
    """SimCC outputs of one person whose 133 keypoints all lie in bins x, y."""
    outputs = [np.zeros((1, 133, width), np.float32) for width in WIDTHS]
    for output, peak in zip(outputs, (x, y), strict=True):
        output[:, :, peak] = score
    return outputs


@pytest.mark.parametrize("people", [1, 7])
@pytest.mark.parametrize("lift", [0.0, -3.5, -9.0], ids=["peaks above 0", "some below", "all below"])
def test_simcc_peaks_equal_rtmlibs(people: int, lift: float) -> None:
    simcc_x, simcc_y = (output + np.float32(lift) for output in random_simcc(people))
    bins, scores = get_simcc_maximum(simcc_x.copy(), simcc_y.copy())
    xy, ours = decode_simcc(simcc_x, simcc_y)
    np.testing.assert_array_equal(xy, bins / 2)
    np.testing.assert_array_equal(ours, scores.clip(0, 1))
    assert (xy.dtype, ours.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, -np.inf, 3e38])
def test_one_value_that_is_no_number_spoils_no_other_point(spoilt: float) -> None:
    simcc_x, simcc_y = random_simcc(2)
    expected, _ = decode_simcc(simcc_x, simcc_y)
    simcc_x[1, 7, 100] = simcc_y[1, 7, 100] = spoilt
    xy, scores = decode_simcc(simcc_x, simcc_y)
    assert np.isfinite(xy).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    others = np.ones((2, 133), bool)
    others[1, 7] = False
    np.testing.assert_array_equal(xy[others], expected[others])


@pytest.mark.parametrize("spoilt", [np.nan, -np.inf])
def test_a_row_without_any_number_is_not_seen(spoilt: float) -> None:
    simcc_x, simcc_y = random_simcc(1)
    simcc_x[0, 3] = simcc_y[0, 3] = spoilt
    xy, scores = decode_simcc(simcc_x, simcc_y)
    assert np.isfinite(xy).all()
    assert scores[0, 3] == 0


def test_outputs_of_another_network_are_refused() -> None:
    check_simcc(*random_simcc(2), (192, 256))
    message = r"SimCC outputs have shapes \[\(133, 384\), \(133, 512\)\], not \[\(133, 576\), \(133, 768\)\]; is it"
    with pytest.raises(ModelError, match=message):
        check_simcc(*random_simcc(2), (288, 384))


def test_simcc_peak_is_half_a_pixel_a_bin() -> None:
    xy, scores = decode_simcc(*simcc(100, 301, 0.75))
    np.testing.assert_allclose(xy[0, 0], [50, 150.5])
    np.testing.assert_allclose(scores, 0.75)


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
