"""Boxes and clicks on an image -> poses of the people who are meant, and no more runs than that takes."""

from pathlib import Path

import numpy as np
import pytest

from wholebody.errors import PromptError
from wholebody.estimation.detections import Detections
from wholebody.estimation.estimator import MAX_BATCH_CPU, Estimator, load_estimator
from wholebody.estimation.geometry import CROP_PADDING
from wholebody.estimation.prompted import (
    FEWEST_SURE,
    SURE_SCORE,
    TIGHT_IOU,
    estimate_boxed,
    estimate_prompted,
    people_under,
    sure_hull,
)
from wholebody.estimation.seen_images import SeenImage
from wholebody.estimation.weights import Weights, find_weights
from wholebody.figures.drawing import draw_figures
from wholebody.images.pixels import Picture
from wholebody.labeling.prompts import Prompts
from wholebody.labeling.targets import BoxControl, ImageTarget
from wholebody.poses import Poses
from wholebody.settings import Settings

TARGET = ImageTarget("img", "$image", (), (), BoxControl("box", "person", 0.0))
WEIGHTS = Weights(Path("detector"), (64, 64), Path("pose"), (192, 256), ("", ""))
PICTURE = Picture.whole(np.zeros((400, 600, 3), np.uint8))
DRAWN = (60, 80, 240, 320)
"""A box of the crop's own aspect, 3 : 4, so that places in it are places in the crop."""
OTHER = (300, 80, 480, 320)


class DetectorStub:
    """Finds the same people in every image; counts its runs. The letterbox scales the 600 pixels to 64."""

    batch, device, input_wh = 1, "stub", None

    def __init__(self, *boxes: tuple[float, ...]) -> None:
        rows = [[edge * 64 / 600 for edge in box] + [0.9] for box in boxes]
        self.dets = np.array(rows, np.float32).reshape(1, -1, 5)
        self.runs = 0

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        self.runs += 1
        return [self.dets]


class PoseStub:
    """Finds the keypoints in the corners of a box inside the person box: as large as each of `shares` in turn."""

    batch, device, input_wh = None, "stub", None

    def __init__(self, *shares: float, sure: int = 133, score: float = 0.9) -> None:
        self.shares = list(shares)
        self.sure, self.score = sure, score
        self.batches: list[int] = []

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        self.batches.append(len(batch))
        simcc_x, simcc_y = np.zeros((len(batch), 133, 384), np.float32), np.zeros((len(batch), 133, 512), np.float32)
        for person in range(len(batch)):
            half = self.shares.pop(0) / CROP_PADDING / 2
            for keypoint in range(133):
                score = self.score if keypoint < self.sure else 0.49
                simcc_x[person, keypoint, round(384 * (0.5 + half * (-1) ** keypoint))] = score
                simcc_y[person, keypoint, round(512 * (0.5 + half * (-1) ** (keypoint // 2)))] = score
        return [simcc_x, simcc_y]


def estimator_of(detector: DetectorStub, pose: PoseStub) -> Estimator:
    """One that has been warmed up."""
    estimator = Estimator(detector, pose, Settings(pose_score_unit=1), WEIGHTS, concurrency=1)
    shares, pose.shares = pose.shares, [1.0] * MAX_BATCH_CPU
    estimator.warm_up()
    pose.shares, detector.runs = shares, 0
    pose.batches.clear()
    return estimator


def fractions(*rows: tuple[float, ...]) -> np.ndarray:
    """Pixels of `PICTURE` -> fractions."""
    array = np.array(rows, np.float32)
    return (array / ((600, 400) * (array.shape[1] // 2))).astype(np.float32)


def boxes(*rows: tuple[float, ...]) -> Prompts:
    return Prompts(TARGET, fractions(*rows), np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32))


def clicks(*points: tuple[float, float], excluded: tuple[tuple[float, float], ...] = ()) -> Prompts:
    none = np.zeros((0, 2), np.float32)
    return Prompts(TARGET, np.zeros((0, 4), np.float32), fractions(*points), fractions(*excluded) if excluded else none)


def hull_of(poses: Poses, person: int = 0) -> np.ndarray:
    return np.concatenate([poses.keypoints[person].min(axis=0), poses.keypoints[person].max(axis=0)])


def inner(xyxy: tuple[float, ...], share: float) -> np.ndarray:
    """The box in the middle of another."""
    corners = np.array(xyxy, np.float32).reshape(2, 2)
    return (corners.mean(axis=0) + (corners - corners.mean(axis=0)) * share).ravel()


@pytest.mark.parametrize(
    ("shares", "settings", "batches", "shown"),
    [
        # the keypoints fill the box
        ([1.0], {}, [1], 1.0),
        # ... nearly: the overlap is .714
        ([0.845], {}, [1], 0.845),
        # ... hardly: the overlap is .689, so that the crop is cut anew around them
        ([0.83, 1.0], {}, [1, 1], 0.83),
        # still loose: not looked at a third time
        ([0.6, 0.5], {}, [1, 1], 0.3),
        # the keypoints reach beyond the box
        ([1.24, 1.0], {}, [1, 1], 1.24),
        # too few of which the network is sure
        ([0.5], {"sure": FEWEST_SURE - 1}, [1], 0.5),
        ([0.5, 1.0], {"sure": FEWEST_SURE}, [1, 1], 0.5),
        # sure of none, and of all just so
        ([0.5], {"score": 0.49}, [1], 0.5),
        ([0.5, 1.0], {"score": SURE_SCORE}, [1, 1], 0.5),
        # all in one place: nothing to cut around
        ([0.0], {}, [1], 0.0),
    ],
)
def test_a_loose_box_is_looked_at_once_more(
    shares: list[float], settings: dict[str, float], batches: list[int], shown: float
) -> None:
    detector, pose = DetectorStub(DRAWN), PoseStub(*shares, **settings)  # type: ignore[arg-type]
    poses = estimate_prompted(SeenImage(PICTURE), boxes(DRAWN), estimator_of(detector, pose))
    assert (pose.batches, detector.runs) == (batches, 0)
    np.testing.assert_allclose(hull_of(poses), inner(DRAWN, shown), atol=1.5)
    np.testing.assert_allclose(poses.xyxy, [DRAWN], atol=1e-3)
    np.testing.assert_allclose(poses.box_scores, [1])


def test_the_limit_lies_between_the_rows_above() -> None:
    assert 0.83**2 < TIGHT_IOU < 0.845**2


def test_only_loose_boxes_are_looked_at_once_more_and_all_in_one_run() -> None:
    pose = PoseStub(1.0, 0.5, 0.6, 1.0, 0.9)
    drawn = [DRAWN, OTHER, DRAWN]
    poses = estimate_prompted(SeenImage(PICTURE), boxes(*drawn), estimator_of(DetectorStub(), pose))
    assert pose.batches == [3, 2]
    for person, share in enumerate((1.0, 0.5, 0.54)):
        np.testing.assert_allclose(hull_of(poses, person), inner(drawn[person], share), atol=1.5)
    np.testing.assert_allclose(poses.xyxy, drawn, atol=1e-3)
    assert len(poses.scores) == len(poses.box_scores) == 3


def test_given_boxes_keep_their_scores_and_what_has_no_pixel_is_left_out() -> None:
    pose = PoseStub(1.0, 1.0)
    given = fractions(DRAWN, (10, 10, 10.5, 90), OTHER)
    scores = np.array([0.4, 1, 0.7], np.float32)
    poses = estimate_boxed(PICTURE.bgr, given, scores, estimator_of(DetectorStub(), pose))
    assert pose.batches == [2]
    np.testing.assert_allclose(poses.xyxy, [DRAWN, OTHER], atol=1e-3)
    np.testing.assert_array_equal(poses.box_scores, scores[[0, 2]])
    assert len(estimate_boxed(PICTURE.bgr, given[1:2], scores[1:2], estimator_of(DetectorStub(), pose))) == 0


@pytest.mark.parametrize(("look_again", "batches"), [(True, [1, 1]), (False, [1])])
def test_given_boxes_are_looked_at_once_more_where_that_is_wanted(look_again: bool, batches: list[int]) -> None:
    pose = PoseStub(0.5, 1.0)
    estimate_boxed(
        PICTURE.bgr,
        fractions(DRAWN),
        np.ones(1, np.float32),
        estimator_of(DetectorStub(), pose),
        look_again=look_again,
    )
    assert pose.batches == batches


@pytest.mark.parametrize(
    "drawn",
    [
        # outside, to each side
        (-50, 10, -10, 90),
        (610, 10, 700, 90),
        (10, -90, 90, -10),
        (10, 410, 90, 500),
        # a hair's breadth inside
        (-50, 10, 0.9, 90),
        (10, 399.5, 90, 500),
        # smaller than a pixel
        (10, 10, 10.9, 90),
        (10, 10, 90, 10.9),
        (10, 10, 10, 10),
        # drawn backwards
        (90, 90, 10, 10),
    ],
)
def test_a_box_without_pixels(drawn: tuple[float, ...]) -> None:
    detector, pose = DetectorStub(DRAWN), PoseStub()
    with pytest.raises(PromptError, match=r"^the box is smaller than a pixel; draw it around the whole person$"):
        estimate_prompted(SeenImage(PICTURE), boxes(OTHER, drawn), estimator_of(detector, pose))
    assert (detector.runs, pose.batches) == (0, [])


def test_an_earlier_box_without_pixels_is_passed_over() -> None:
    estimator = estimator_of(DetectorStub(), PoseStub(1.0))
    poses = estimate_prompted(SeenImage(PICTURE), boxes((9, 9, 9, 9), DRAWN), estimator)
    np.testing.assert_allclose(poses.xyxy, [DRAWN], atol=1e-3)


def test_a_box_across_the_edge_is_cut_there() -> None:
    pose = PoseStub(1.0, sure=0)
    poses = estimate_prompted(SeenImage(PICTURE), boxes((-100, 200, 90, 900)), estimator_of(DetectorStub(), pose))
    np.testing.assert_allclose(poses.xyxy, [(0, 200, 90, 400)], atol=1e-3)


BIG, SMALL, ASIDE = (0, 0, 200, 300), (50, 50, 100, 100), (300, 0, 400, 300)
FOUND = Detections(np.array([BIG, SMALL, ASIDE], np.float32), np.array([0.9, 0.8, 0.7], np.float32))


@pytest.mark.parametrize(
    ("points", "excluded", "people"),
    [
        # the only box there
        ([(10, 10)], [], [0]),
        # the smallest of two
        ([(75, 75)], [], [1]),
        # its edge belongs to it
        ([(50, 100)], [], [1]),
        ([(400, 300)], [], [2]),
        # several clicks, several people, in their order
        ([(350, 9), (10, 10), (75, 75)], [], [2, 0, 1]),
        # twice on the same one
        ([(10, 10), (350, 9), (20, 20)], [], [0, 2]),
        # the smallest is excluded, so that the one behind it is meant
        ([(75, 75)], [(60, 60)], [0]),
        # somebody else is excluded
        ([(75, 75)], [(350, 9)], [1]),
        # nobody is excluded
        ([(75, 75)], [(599, 399)], [1]),
        # an earlier click on nobody, or on somebody excluded since, is passed over
        ([(599, 399), (75, 75)], [], [1]),
        ([(350, 9), (75, 75)], [(310, 9)], [1]),
    ],
)
def test_people_under_clicks(
    points: list[tuple[float, float]], excluded: list[tuple[float, float]], people: list[int]
) -> None:
    given = np.array(points, np.float32), np.array(excluded, np.float32).reshape(-1, 2)
    assert people_under(FOUND, *given) == people


@pytest.mark.parametrize(
    ("points", "excluded"),
    [
        # beside everybody
        ([(599, 399)], []),
        # the last click counts
        ([(75, 75), (250, 200)], []),
        # all who are there are excluded
        ([(350, 9)], [(310, 9)]),
        ([(75, 75)], [(75, 75), (10, 10)]),
    ],
)
def test_nobody_under_the_click(points: list[tuple[float, float]], excluded: list[tuple[float, float]]) -> None:
    given = np.array(points, np.float32), np.array(excluded, np.float32).reshape(-1, 2)
    with pytest.raises(PromptError, match=r"^no person under the point; draw a box around the person instead$"):
        people_under(FOUND, *given)


def test_nobody_in_the_image() -> None:
    pose = PoseStub()
    with pytest.raises(PromptError, match=r"^no person under the point"):
        estimate_prompted(SeenImage(PICTURE), clicks((10, 10)), estimator_of(DetectorStub(), pose))
    assert pose.batches == []


def test_clicks_pose_the_people_meant_alone_and_detect_once() -> None:
    detector, pose = DetectorStub(DRAWN, OTHER), PoseStub(0.5, 0.5, 0.5)
    seen, estimator = SeenImage(PICTURE), estimator_of(detector, pose)
    poses = estimate_prompted(seen, clicks((350, 200)), estimator)
    np.testing.assert_allclose(poses.xyxy, [OTHER], atol=1e-2)
    np.testing.assert_allclose(poses.box_scores, [0.9])
    assert len(estimate_prompted(seen, clicks((350, 200), (100, 200)), estimator)) == 2
    with pytest.raises(PromptError, match=r"^no person under the point"):
        estimate_prompted(seen, clicks((350, 200), excluded=((400, 200),)), estimator)
    assert (detector.runs, pose.batches) == (1, [1, 2])


def test_the_hull_is_of_the_sure_keypoints() -> None:
    keypoints, scores = np.zeros((1, 133, 2), np.float32), np.zeros((1, 133), np.float32)
    keypoints[0, :6], scores[0, :6] = [(10, 40), (30, 20), (15, 25), (15, 25), (15, 25), (15, 25)], SURE_SCORE
    poses = Poses((600, 400), np.array([DRAWN], np.float32), np.ones(1, np.float32), keypoints, scores)
    np.testing.assert_allclose(sure_hull(poses, 0), (10, 20, 30, 40))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def figures() -> Estimator:
    settings = Settings(mode="figures")
    return load_estimator(settings, find_weights(settings), threads=0, concurrency=1)


@pytest.mark.parametrize("grown", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("person", [0, 1])
def test_a_drawn_box_gives_that_figure(figures: Estimator, person: int, grown: float) -> None:
    drawing = draw_figures(2, seed=1, size_wh=(960, 720))
    left, top, right, bottom = drawing.xyxy[person] / (960, 720, 960, 720)
    drawn = np.array([(left - grown * (right - left), top, right, bottom)], np.float32)
    none = np.zeros((0, 2), np.float32)
    picture = Picture.whole(drawing.bgr)
    poses = estimate_prompted(SeenImage(picture), Prompts(TARGET, drawn, none, none), figures)
    assert np.abs(poses.keypoints[0] - drawing.keypoints[person]).max() < 4
    middle = np.array([((left + right) / 2, (top + bottom) / 2)], np.float32)
    clicked = Prompts(TARGET, np.zeros((0, 4), np.float32), middle, none)
    poses = estimate_prompted(SeenImage(picture), clicked, figures)
    assert np.abs(poses.keypoints - drawing.keypoints[[person]]).max() < 4
