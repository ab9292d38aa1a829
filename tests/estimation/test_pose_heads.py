"""Raw outputs of a pose network -> keypoints: equal to rtmlib's own decoding, finite whatever a network says."""

import numpy as np
import pytest
from rtmlib import ViTPose
from rtmlib.tools.pose_estimation.post_processings import get_simcc_maximum

from wholebody.errors import ModelError
from wholebody.estimation.pose_heads import HeatMaps, PoseHead, SimCC, find_head
from wholebody.poses import Floats

RNG = np.random.default_rng(5)
CROP_WH = (192, 256)
WIDTHS = (384, 512)
MAP_WH = (48, 64)
SIGMA = 2.0
"""Of the peaks that heat maps are trained to have, in cells."""


def random_simcc(people: int) -> list[np.ndarray]:
    return [RNG.normal(0, 1, (people, 133, width)).astype(np.float32) for width in WIDTHS]


def decode_simcc(simcc_x: Floats, simcc_y: Floats) -> tuple[Floats, Floats]:
    return SimCC().decode([simcc_x, simcc_y], 1.0)


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


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("spoilt", [np.nan, np.inf, -np.inf])
def test_a_keypoint_of_which_one_axis_is_no_number_has_no_score(axis: int, spoilt: float) -> None:
    outputs = simcc(100, 200, 0.9)
    outputs[axis][0, 3] = spoilt
    xy, scores = decode_simcc(*outputs)
    assert scores[0, 3] == 0
    np.testing.assert_array_equal(xy[0, 3], [-0.5, -0.5])
    np.testing.assert_allclose(np.delete(scores[0], 3), 0.9)
    outputs = simcc(100, 200, 0.9)
    outputs[axis][0, 3, 7] = spoilt  # one bin alone counts as nothing
    np.testing.assert_allclose(decode_simcc(*outputs)[1], 0.9)


def test_simcc_peak_is_half_a_pixel_a_bin() -> None:
    xy, scores = decode_simcc(*simcc(100, 301, 0.75))
    np.testing.assert_allclose(xy[0, 0], [50, 150.5])
    np.testing.assert_allclose(scores, 0.75)


def test_the_largest_score_is_1_in_any_unit() -> None:
    for unit in (0.001, 0.2, 1.0, 1000.0):
        np.testing.assert_array_equal(SimCC().decode(simcc(100, 200, 3e38), unit)[1], 1)


@pytest.mark.parametrize("unit", [0.2, 1.0, 6.0])
@pytest.mark.parametrize("kind", ["simcc", "heat maps"])
def test_a_score_is_counted_in_its_unit(kind: str, unit: float) -> None:
    plain = random_simcc(2) if kind == "simcc" else [maps_of(RNG.uniform(8, 40, (2, 133, 2)))]
    head: PoseHead = SimCC() if kind == "simcc" else HeatMaps(CROP_WH)
    expected_xy, expected = head.decode([output.copy() for output in plain], 1.0)
    xy, scores = head.decode([output * np.float32(unit) for output in plain], unit)
    np.testing.assert_allclose(xy, expected_xy, atol=1e-3)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    np.testing.assert_allclose(head.raw_scores([output * 6 for output in plain]), head.raw_scores(plain) * 6, rtol=1e-6)


def maps_of(cells: np.ndarray, height: float = 0.9) -> np.ndarray:
    """`(n, 133, 2)` x, y in cells -> heat maps with a Gaussian at each."""
    x = np.arange(MAP_WH[0]) - cells[..., 0, None]
    y = np.arange(MAP_WH[1]) - cells[..., 1, None]
    squares = x[..., None, :] ** 2 + y[..., :, None] ** 2
    return (height * np.exp(-squares / (2 * SIGMA**2))).astype(np.float32)


def test_a_gaussian_comes_back_to_a_tenth_of_a_pixel() -> None:
    cells = RNG.uniform((8, 8), (MAP_WH[0] - 9, MAP_WH[1] - 9), (3, 133, 2))
    xy, scores = HeatMaps(CROP_WH).decode([maps_of(cells)], 1.0)
    in_crop = cells / (MAP_WH[0] - 1, MAP_WH[1] - 1) * CROP_WH
    assert np.abs(xy - in_crop).max() < 0.1
    assert scores.min() > 0.9 * np.exp(-0.5 / (2 * SIGMA**2))  # a cell's middle is half a cell away, at most
    assert (xy.dtype, scores.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("people", [1, 3])
@pytest.mark.parametrize("kind", ["peaks", "noise", "nothing"])
def test_heat_maps_are_read_as_rtmlib_reads_them(people: int, kind: str) -> None:
    maps = {
        "peaks": maps_of(RNG.uniform(0, 48, (people, 133, 2))),
        "noise": RNG.normal(0, 0.3, (people, 133, *MAP_WH[::-1])).astype(np.float32),
        "nothing": np.zeros((people, 133, *MAP_WH[::-1]), np.float32),
    }[kind]
    theirs = object.__new__(ViTPose)
    center, extent = np.array((100.0, 80.0)), np.array((150.0, 200.0))
    expected, expected_scores = theirs.postprocess([maps.copy()], center, extent)
    xy, scores = HeatMaps(CROP_WH).decode([maps], 1.0)
    np.testing.assert_allclose(xy / CROP_WH * extent + center - extent / 2, expected, atol=1e-3)
    np.testing.assert_allclose(scores, expected_scores.clip(0, 1))


def test_a_crowd_is_read_as_each_of_it_alone() -> None:
    """All maps of a crowd have more cells than 32-bit floats can count."""
    crowd = RNG.normal(0, 0.3, (20, 133, 96, 72)).astype(np.float32)
    xy, scores = HeatMaps((288, 384)).decode([crowd.copy()], 1.0)
    for person in (0, 17, 19):
        alone = HeatMaps((288, 384)).decode([crowd[person : person + 1].copy()], 1.0)
        np.testing.assert_array_equal(xy[person], alone[0][0])
        np.testing.assert_array_equal(scores[person], alone[1][0])


def test_a_peak_that_cannot_be_refined_stays_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def singular(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError

    monkeypatch.setattr("rtmlib.tools.pose_estimation.post_processings.post_dark_udp", singular)
    cells = np.tile(np.array((20.0, 30.0)), (1, 133, 1))
    xy, _ = HeatMaps(CROP_WH).decode([maps_of(cells)], 1.0)
    np.testing.assert_allclose(xy, cells / (MAP_WH[0] - 1, MAP_WH[1] - 1) * CROP_WH, rtol=1e-6)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, -np.inf, 3e38])
def test_a_heat_map_that_is_no_number_spoils_no_other(spoilt: float) -> None:
    maps = maps_of(RNG.uniform(8, 40, (2, 133, 2)))
    expected, _ = HeatMaps(CROP_WH).decode([maps.copy()], 1.0)
    maps[1, 7] = spoilt
    xy, scores = HeatMaps(CROP_WH).decode([maps], 1.0)
    assert np.isfinite(xy).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores[1, 7] == (0 if not np.isfinite(spoilt) else 1)
    others = np.ones((2, 133), bool)
    others[1, 7] = False
    np.testing.assert_allclose(xy[others], expected[others], atol=1e-4)


def test_the_head_is_found_by_the_shapes() -> None:
    assert isinstance(find_head(random_simcc(2), CROP_WH), SimCC)
    assert isinstance(find_head([*random_simcc(1), np.zeros((1, 133))], CROP_WH), SimCC)
    assert isinstance(find_head([np.zeros((1, 133, 64, 48), np.float32)], CROP_WH), HeatMaps)


@pytest.mark.parametrize(
    ("shapes", "found"),
    [
        ([(1, 133, 384), (1, 133, 512)], "(1, 133, 384), (1, 133, 512)"),  # those of 192x256
        ([(1, 17, 576), (1, 17, 768)], "(1, 17, 576), (1, 17, 768)"),
        ([(1, 133, 768), (1, 133, 576)], "(1, 133, 768), (1, 133, 576)"),
        ([(1, 17, 64, 48)], "(1, 17, 64, 48)"),
        ([(1, 308, 64, 48)], "(1, 308, 64, 48)"),
        ([(1, 133, 64, 48), (1, 133, 64, 48)], "(1, 133, 64, 48), (1, 133, 64, 48)"),
        ([(1, 133, 64, 1)], "(1, 133, 64, 1)"),
        ([(1, 133, 3)], "(1, 133, 3)"),
    ],
)
def test_outputs_of_another_network_are_refused(shapes: list[tuple[int, ...]], found: str) -> None:
    with pytest.raises(ModelError) as refused:
        find_head([np.zeros(shape, np.float32) for shape in shapes], (288, 384))
    assert str(refused.value) == (
        f"outputs of shape {found}; known are SimCC, (n, 133, 576) and (n, 133, 768) for this input, and heat maps, "
        "(n, 133, height, width); is it a 133-keypoint network, and is POSE_INPUT_SIZE right?"
    )
