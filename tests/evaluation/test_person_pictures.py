"""Pictures of people: which piece of the image, how large, and what becomes of one that cannot be had."""

import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.evaluation.worst_people import SIZE_WH, corrected, image, see
from wholebody.evaluation.person_pictures import LONGER_SIDE_PX, OTHER_SHAPE, cut, shown, with_pictures
from wholebody.evaluation.worst import WorstPeople, WorstPerson
from wholebody.images.loader import ImageLoader
from wholebody.settings import Settings


def somebody(reference: str = "x.png", **changes: object) -> WorstPerson:
    worst = WorstPeople()
    see(worst, image(corrected({4: 10.0}), reference=reference))
    return replace(worst.people("a")[0], **changes)  # type: ignore[arg-type]


def data_uri(width: int, height: int) -> str:
    """A picture whose red says how far right a pixel is, and whose green how far down."""
    bgr = np.zeros((height, width, 3), np.uint8)
    bgr[..., 2], bgr[..., 1] = np.linspace(0, 255, width)[None], np.linspace(0, 255, height)[:, None]
    return "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", bgr)[1].tobytes()).decode()


def pixels(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def test_the_piece_holds_box_and_points_of_both() -> None:
    person = somebody()
    left, top, right, bottom = shown(person)
    for places in (person.predicted, person.corrected, np.reshape(person.xyxy, (2, 2))):
        assert (places >= (left, top)).all()
        assert (places <= (right, bottom)).all()
    assert (right - left) / (bottom - top) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("xyxy", [(-50.0, -20.0, 900.0, 20.0), (390.0, 290.0, 420.0, 300.0), (500.0, 1.0, 600.0, 2.0)])
def test_the_piece_stays_inside_the_image(xyxy: tuple[float, float, float, float]) -> None:
    nothing = np.zeros(133, np.uint8)
    left, top, right, bottom = shown(somebody(xyxy=xyxy, outcomes=nothing))
    assert 0 <= left < right <= SIZE_WH[0]
    assert 0 <= top < bottom <= SIZE_WH[1]


def test_the_piece_is_cut_out_where_it_lies() -> None:
    loader, person = ImageLoader(Settings()), somebody(data_uri(*SIZE_WH))
    (one,) = with_pictures([person], loader.load)
    assert one.cutting is not None
    left, top, right, bottom = one.cutting.xyxy
    seen = pixels(one.cutting.jpeg)
    assert seen.shape[:2] == (bottom - top, right - left)
    for (y, x), (width, height) in (((2, 2), (left, top)), ((-3, -3), (right, bottom))):
        assert seen[y, x, 2] == pytest.approx(255 * width / SIZE_WH[0], abs=6)
        assert seen[y, x, 1] == pytest.approx(255 * height / SIZE_WH[1], abs=6)
    assert loader.memory.free_bytes == loader.memory.total_bytes


def test_a_picture_decoded_at_half_its_size_is_cut_at_the_same_place() -> None:
    bgr = np.zeros((50, 100, 3), np.uint8)
    bgr[20:30, 40:60] = 255
    assert pixels(cut(bgr, (80.0, 40.0, 120.0, 60.0), (200, 100)).jpeg).min() > 240


def test_a_large_piece_becomes_smaller() -> None:
    seen = pixels(cut(np.zeros((3000, 1500, 3), np.uint8), (0.0, 0.0, 1500.0, 3000.0), (1500, 3000)).jpeg)
    assert seen.shape[:2] == (LONGER_SIDE_PX, LONGER_SIDE_PX // 2)


def test_a_picture_that_is_gone_is_named_and_the_others_are_there() -> None:
    references = [
        "/data/upload/1/gone.jpg",
        data_uri(*SIZE_WH),
        data_uri(SIZE_WH[0] // 2, SIZE_WH[1] // 2),
        data_uri(60, 30),
    ]
    people = [somebody(reference) for reference in references]
    gone, there, reduced, other = with_pictures(people, ImageLoader(Settings()).load)
    assert gone.cutting is None
    assert gone.missing == "is served by Label Studio; set LABEL_STUDIO_URL and LABEL_STUDIO_API_TOKEN"
    assert there.cutting
    assert reduced.cutting
    assert (there.missing, reduced.missing) == ("", "")
    assert reduced.cutting.xyxy == there.cutting.xyxy
    assert (other.cutting, other.missing) == (None, OTHER_SHAPE)
