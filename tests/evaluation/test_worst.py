"""Whose corrections are the largest."""

import numpy as np
import pytest

from tests.evaluation.worst_people import corrected, image, see
from wholebody.evaluation.comparisons import compare
from wholebody.evaluation.pairing import Outcome, PairedPerson
from wholebody.evaluation.worst import WorstPeople, corrections

SIDE_PX = 200.0


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (corrected({}), 0.0),
        (corrected({9: 20.0}), 20 / SIDE_PX / 133),
        (corrected({9: 20.0, 10: 40.0}), 60 / SIDE_PX / 133),
        (corrected({9: 5000.0}), 1 / 133),
        (corrected({}, deleted=(1, 2)), 0.2 / 133),
        (corrected({}, added=(1, 2, 3)), 0.3 / 133),
    ],
    ids=["unchanged", "one point", "two points", "no point counts more than a box", "deleted", "added"],
)
def test_how_large_a_correction_is(pair: PairedPerson, expected: float) -> None:
    assert corrections(compare([pair])).tolist() == pytest.approx([expected])


def test_somebody_without_points_is_not_corrected() -> None:
    everything = tuple(range(133))
    assert corrections(compare([corrected({}, deleted=everything, added=everything)])).tolist() == [0]


def test_the_largest_stay_in_their_order() -> None:
    worst, sizes = WorstPeople(3), [5.0, 50.0, 0.0, 20.0, 1.0, 30.0]
    for number, pixels in enumerate(sizes):
        see(worst, image(corrected({4: pixels}), number=number))
    assert [person.task_id for person in worst.people("a")] == [1, 5, 3]


def test_of_equal_ones_the_first_stays() -> None:
    worst = WorstPeople(2)
    for number in range(5):
        see(worst, image(corrected({4: 10.0}), number=number))
    assert [person.task_id for person in worst.people("a")] == [0, 1]


def test_fewer_than_there_is_room_for() -> None:
    worst = WorstPeople()
    see(worst, image(corrected({4: 10.0}), corrected({})))
    assert len(worst.people("a")) == 1
    assert worst.people("another version") == []


def test_somebody_whom_several_annotators_corrected_is_there_once() -> None:
    worst = WorstPeople(2)
    for pixels in (10.0, 40.0, 20.0):
        see(worst, image(corrected({4: pixels})))
    see(worst, image(corrected({4: 5.0}, seed=1)))
    assert [round(person.moved_share[4] * SIDE_PX) for person in worst.people("a")] == [40, 5]


def test_each_model_version_has_its_own() -> None:
    worst = WorstPeople(1)
    see(worst, image(corrected({4: 90.0}), version="old", number=1))
    see(worst, image(corrected({4: 9.0}), version="new", number=2))
    assert [[person.task_id for person in worst.people(name)] for name in ("old", "new")] == [[1], [2]]


def test_what_is_kept_of_somebody() -> None:
    worst = WorstPeople()
    see(worst, image(corrected({4: 10.0}, deleted=(5,), added=(6,))))
    (person,) = worst.people("a")
    assert (person.task_id, person.project, person.reference, person.annotator) == (7, 3, "x.png", "ann@example.com")
    assert person.outcomes[4:8].tolist() == [Outcome.MOVED, Outcome.DELETED, Outcome.ADDED, Outcome.UNMOVED]
    assert np.flatnonzero(person.moved_share).tolist() == [4]
    assert person.moved_share[4] == pytest.approx(10 / SIDE_PX)
