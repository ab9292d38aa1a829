"""What was drawn on an image -> the people in it: whose point is whose. Knows no files and no Label Studio."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from wholebody.dataset.left_out import LeftOut
from wholebody.dataset.shapes import Box, Point, Shapes
from wholebody.keypoints import NAMES, PARTS, Part
from wholebody.poses import XYXY

Doubles = npt.NDArray[np.float64]

TOLERANCE = 0.05
"""How far outside a box a point may lie and still be of its person, as a share of the box's longer side."""

SAME_PLACE_PX = 0.5
"""Two points of one name that are nearer than this are one point that was written twice."""

LEAST_SIDE_PX = 2.0
"""Of the box of somebody without a drawn one."""

TWICE = "a second point of one name on one person: the one that a person set last was kept"
NOBODY = "a point without a person: in nobody's box"
TAKEN = "a point without a person: everybody whose box holds it has that keypoint"
AMBIGUOUS_PEOPLE = "points without boxes whose names repeat, so that the people cannot be told apart"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on an image.

    Attributes:
        xyxy: Their box, left, top, right, bottom in pixels of the upright image; without a drawn one, the bounds of
            their points.
        keypoints: `(133, 2)` float64 x, y in pixels, in the order of `keypoints.NAMES`; 0 where not labelled.
        visibility: `(133,)` uint8: 0 not labelled, 1 hidden but known, 2 labelled.
        scores: `(133,)` float64, 0..1; NaN where no model gave one.
        region_ids: Of each keypoint's region; `""` where not labelled.
        origins: Of each keypoint's region, as Label Studio keeps it: `prediction`, `prediction-changed`, `manual`.
        box: The drawn box, or `None`.
        lost_box: Whether the points lay under a box that is gone, and none was drawn anew for them.
    """

    xyxy: XYXY
    keypoints: Doubles
    visibility: npt.NDArray[np.uint8]
    scores: Doubles
    region_ids: tuple[str, ...]
    origins: tuple[str, ...]
    box: Box | None
    lost_box: bool = False

    @property
    def box_score(self) -> float | None:
        """What a model gave the box."""
        return self.box.score if self.box else None


def assemble(shapes: Shapes) -> tuple[list[Person], list[LeftOut]]:
    """Give each point to its person, as people draw them.

    * A point is of the person under whose box it lies in the list of regions (`parentID`).
    * Points whose box was deleted are one person. If there is a box without points that holds most of them, it was
      drawn anew for them.
    * A point without any parent is of the person whose box holds it and who lacks that keypoint, the nearest first.
    * Points in a picture without boxes are one person, unless names repeat. Skeletons are told apart even then.
    * Of two points of one name on one person, the one that a person set is kept, else the later one.
    * A box without points is a person.

    Returns:
        The people, and what is of nobody.
    """
    left_out = list(shapes.left_out)
    drafts = [_Draft(box) for box in shapes.boxes]
    of_box = {draft.box.region_id: draft for draft in drafts if draft.box and draft.box.region_id}
    orphans: dict[str, list[Point]] = defaultdict(list)
    loose: list[Point] = []
    for point in shapes.points:
        if point.parent in of_box:
            of_box[point.parent].points.append(point)
        elif point.parent is not None:
            orphans[point.parent].append(point)
        else:
            loose.append(point)
    drafts += _adopt(list(orphans.values()), drafts)
    if loose:
        _place_loose(loose, drafts, left_out)
    return [draft.person(left_out) for draft in drafts], left_out


@dataclass(slots=True, eq=False)
class _Draft:
    """A person to whom points are still given."""

    box: Box | None
    points: list[Point] = field(default_factory=list)
    lost_box: bool = False

    def has(self, keypoint: int) -> bool:
        return any(point.keypoint == keypoint for point in self.points)

    def bounds(self) -> XYXY:
        """The box, or that of the points."""
        if self.box:
            left, top, right, bottom = self.box.xyxy
            return min(left, right), min(top, bottom), max(left, right), max(top, bottom)
        xs, ys = zip(*(point.xy for point in self.points), strict=True)
        (left, right), (top, bottom) = (_with_room(min(side), max(side)) for side in (xs, ys))
        return left, top, right, bottom

    def outside(self, xy: tuple[float, float]) -> float:
        """How far a place lies outside the bounds, over their longer side; 0 inside."""
        left, top, right, bottom = self.bounds()
        beyond = max(left - xy[0], xy[0] - right, top - xy[1], xy[1] - bottom, 0.0)
        return beyond / max(right - left, bottom - top, 1.0)

    def distance(self, xy: tuple[float, float]) -> float:
        """To the nearest point of the person, else to the middle of the box; in pixels."""
        left, top, right, bottom = self.bounds()
        places = [point.xy for point in self.points] or [((left + right) / 2, (top + bottom) / 2)]
        return min(float(np.hypot(x - xy[0], y - xy[1])) for x, y in places)

    def person(self, left_out: list[LeftOut]) -> Person:
        kept: dict[int, Point] = {}
        for point in self.points:
            before = kept.get(point.keypoint)
            if before is not None and np.hypot(*np.subtract(before.xy, point.xy)) > SAME_PLACE_PX:
                left_out.append(LeftOut(TWICE, what=NAMES[point.keypoint]))
            if before is None or _is_by_hand(point) >= _is_by_hand(before):
                kept[point.keypoint] = point
        return _person(self.box, self.bounds(), kept, lost_box=self.lost_box)


def _with_room(low: float, high: float) -> tuple[float, float]:
    """A range of at least `LEAST_SIDE_PX`: a single point has a box too."""
    missing = max(0.0, LEAST_SIDE_PX - (high - low)) / 2
    return low - missing, high + missing


def _is_by_hand(point: Point) -> bool:
    return point.origin in ("manual", "prediction-changed")


def _person(box: Box | None, xyxy: XYXY, points: dict[int, Point], *, lost_box: bool) -> Person:
    count = len(NAMES)
    keypoints, scores = np.zeros((count, 2)), np.full(count, np.nan)
    visibility = np.zeros(count, np.uint8)
    for keypoint, point in points.items():
        keypoints[keypoint], visibility[keypoint] = point.xy, point.visibility
        scores[keypoint] = np.nan if point.score is None else point.score
    ids = tuple(points[k].region_id if k in points else "" for k in range(count))
    origins = tuple(points[k].origin if k in points else "" for k in range(count))
    return Person(xyxy, keypoints, visibility, scores, ids, origins, box, lost_box)


def _adopt(families: list[list[Point]], drafts: list[_Draft]) -> list[_Draft]:
    """Points whose box is gone: into a box without points that holds most of them, else people without a box."""
    empty = [draft for draft in drafts if not draft.points]
    shares = sorted(
        (
            (-sum(draft.outside(point.xy) == 0 for point in family) / len(family), number, place)
            for number, family in enumerate(families)
            for place, draft in enumerate(empty)
        ),
    )
    homes: dict[int, int] = {}
    for share, number, place in shares:
        if share < -0.5 and number not in homes and place not in homes.values():
            homes[number] = place
            empty[place].points.extend(families[number])
    return [_Draft(None, family, lost_box=True) for number, family in enumerate(families) if number not in homes]


def _place_loose(loose: list[Point], drafts: list[_Draft], left_out: list[LeftOut]) -> None:
    """Give the points without a parent to the people who are there, or make people of them."""
    bundles = _bundles(loose)
    if not any(draft.box for draft in drafts) and len(drafts) <= 1:
        _without_boxes(bundles, drafts, left_out)
        return
    for bundle in _give(bundles, drafts, must_hold=True):
        held = any(_holds(draft, bundle) for draft in drafts)
        left_out.extend(LeftOut(TAKEN if held else NOBODY, what=NAMES[point.keypoint]) for point in bundle)


def _give(bundles: list[list[Point]], drafts: list[_Draft], *, must_hold: bool) -> list[list[Point]]:
    """Give bundles to people who lack those keypoints, the nearest first; those that nobody gets."""
    places = sorted(
        (_distance(bundle, draft), number, place)
        for number, bundle in enumerate(bundles)
        for place, draft in enumerate(drafts)
        if _holds(draft, bundle) or not must_hold
    )
    given: set[int] = set()
    for _, number, place in places:
        bundle, draft = bundles[number], drafts[place]
        if number not in given and not any(draft.has(point.keypoint) for point in bundle):
            given.add(number)
            draft.points.extend(bundle)
    return [bundle for number, bundle in enumerate(bundles) if number not in given]


def _bundles(loose: list[Point]) -> list[list[Point]]:
    """What goes to one person together: a skeleton's joints; a single point is alone."""
    bundles: dict[object, list[Point]] = {}
    for number, point in enumerate(loose):
        bundles.setdefault(number if point.group is None else point.group, []).append(point)
    return list(bundles.values())


def _without_boxes(bundles: list[list[Point]], drafts: list[_Draft], left_out: list[LeftOut]) -> None:
    """One person, unless names repeat; then each skeleton of the uppermost part is one."""
    points = [point for bundle in bundles for point in bundle]
    names = [point.keypoint for point in (*points, *(drafts[0].points if drafts else ()))]
    if len(set(names)) == len(names):
        if points and not drafts:
            drafts.append(_Draft(None))
        for draft in drafts:
            draft.points.extend(points)
        return
    first = min((_part(bundle) for bundle in bundles if bundle[0].group), default=None)
    seeds = [bundle for bundle in bundles if bundle[0].group and _part(bundle) == first]
    drafts.extend(_Draft(None, seed) for seed in seeds)
    others = [bundle for bundle in bundles if bundle not in seeds]
    rest = _give(others, drafts, must_hold=False) if seeds else others
    if rest:
        left_out.append(LeftOut(AMBIGUOUS_PEOPLE, count=sum(map(len, rest))))


def _part(bundle: list[Point]) -> int:
    """The place of a skeleton's part among the parts; feet belong to the body's."""
    part = PARTS[min(point.keypoint for point in bundle)]
    return max(0, list(Part).index(part) - 1)


def _holds(draft: _Draft, bundle: list[Point]) -> bool:
    """Whether most of them lie in the bounds, or next to them."""
    return sum(draft.outside(point.xy) <= TOLERANCE for point in bundle) * 2 > len(bundle)


def _distance(bundle: list[Point], draft: _Draft) -> tuple[float, float]:
    """Those who hold it go before those next to whom it lies."""
    outside = float(np.mean([draft.outside(point.xy) for point in bundle]))
    return outside, float(np.mean([draft.distance(point.xy) for point in bundle]))
