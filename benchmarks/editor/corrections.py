"""What it takes to put a prediction right, with points and with skeletons: actions, and seconds of the editor.

An action is a click, a drag, a key, or a turn of the wheel, however far. The seconds are those that the editor takes; a
hand adds its own, the same for both.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from benchmarks.editor.person import Picture, crowd, of_size
from benchmarks.editor.rig import IDLE, Rig
from tests.label_studio.browser import BOX_TOOL, Editor
from wholebody.keypoints import NAMES, PART_SLICES, Part
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.skeletons import SKELETONS
from wholebody.poses import Poses

HEAD = ("what is wrong", "points: actions", "points: seconds", "skeletons: actions", "skeletons: seconds", "how")
SIZE_WH = (1920, 1280)
DRAG_STEPS = 20
ROUNDS = 3
WRIST = NAMES.index("right_wrist")
OFF = np.array([0.04, -0.05])
"""How far what is wrong lies from its place, in parts of the picture's width and height."""
FRAME = 0.012
NOTCHES = 5

XY = tuple[float, float]


@dataclass
class Hand:
    """What a hand does in the editor, counted, each action until the editor is idle again."""

    editor: Editor
    actions: int = 0
    seconds: float = 0.0
    done: list[str] = field(default_factory=list)

    def press(self, key: str) -> None:
        """Press a key."""
        self._act(key, lambda: self.editor.press(key))

    def click(self, xy: XY) -> None:
        """Click at a place in the picture."""
        self._act("click", lambda: self.editor.click(xy))

    def zoom(self, xy: XY, notches: int) -> None:
        """Turn the wheel over a place."""
        self._act("wheel", lambda: self.editor.zoom(xy, notches))

    def drag(self, start: XY, end: XY) -> None:
        """Drag from one place to another, as slowly as a hand does."""
        self._act("drag", lambda: self.editor.drag(start, end, DRAG_STEPS))

    def take_smart_tool(self) -> None:
        """Click the tool that draws boxes around people."""
        self._act("tool", lambda: self.editor.choose(BOX_TOOL, "prompt_box"))

    def ask(self, xyxy: tuple[float, float, float, float]) -> None:
        """Draw a box with the smart tool, until its answer is there."""
        before = len(self.editor.regions())
        more = f"() => window.Htx.annotationStore.selected.regions.length > {before + 1}"
        self._act("drag", lambda: (self.editor.prompt_box(xyxy), self.editor.page.wait_for_function(more)))

    def _act(self, what: str, action: Callable[[], object]) -> None:
        start = time.perf_counter()
        action()
        self.editor.page.evaluate(IDLE)
        self.seconds += time.perf_counter() - start
        self.actions += 1
        self.done.append(what)


Way = Callable[[Hand, Picture, Poses], None]


def measure_corrections(rig: Rig, person: Picture, *, quick: bool) -> Iterator[tuple[str, ...]]:
    """A row for each thing that can be wrong."""
    configs = write_config(tuple(Part)), write_config(tuple(Part), skeleton=True)
    alone, two = of_size(person, SIZE_WH), crowd(person, 2, SIZE_WH)
    jobs: dict[str, tuple[Picture, Poses, Way, Way]] = {
        "a wrist is in the wrong place": (alone, _off(alone.poses, [WRIST]), _wrist_points, _wrist_skeleton),
        "a whole hand is": _part(alone, Part.RIGHT_HAND),
        "a whole face is": _part(alone, Part.FACE),
        "somebody was missed": (two, _first(two.poses), _ask, _ask),
        "there is somebody too many": (two, two.poses, _remove, _remove),
    }
    for name, (picture, wrong, *ways) in list(jobs.items())[: 1 if quick else None]:
        cells, done = [], []
        for config, way in zip(configs, ways, strict=True):
            hands = [_correct(rig, config, way, picture, wrong) for _ in range(1 if quick else ROUNDS)]
            cells += [str(hands[0].actions), f"{statistics.median(hand.seconds for hand in hands):.1f}"]
            done.append(", ".join(hands[0].done))
        yield name, *cells, "; ".join(dict.fromkeys(done))


def _correct(rig: Rig, config: str, way: Way, right: Picture, wrong: Poses) -> Hand:
    """Correct a task of its own: one with a draft does not come again in the stream."""
    with rig.opened(rig.make_task(right, config, poses=wrong)) as editor:
        if way is _ask:
            for switch in ("Auto-Annotation", "Auto-Accept Suggestions"):
                editor.switch(switch)
        hand = Hand(editor)
        way(hand, right, wrong)
        return hand


def _part(picture: Picture, part: Part) -> tuple[Picture, Poses, Way, Way]:
    wrong = _off(picture.poses, _known(picture, part))
    return picture, wrong, partial(_move_points, part), partial(_move_skeleton, part)


def _off(poses: Poses, keypoints: list[int]) -> Poses:
    """The same poses with some keypoints beside their places."""
    moved = poses.keypoints.copy()
    moved[0, keypoints] += (OFF * poses.size_wh).astype(np.float32)
    return replace(poses, keypoints=moved)


def _known(picture: Picture, part: Part) -> list[int]:
    """The keypoints of a part whose place is known."""
    return [k for k in range(len(NAMES))[PART_SLICES[part]] if picture.poses.scores[0, k] > 0]


def _wrist_points(hand: Hand, right: Picture, wrong: Poses) -> None:
    hand.drag(_place(wrong, WRIST), _place(right.poses, WRIST))


def _wrist_skeleton(hand: Hand, right: Picture, wrong: Poses) -> None:
    hand.click(_place(wrong, WRIST))  # a joint moves once its skeleton is selected
    hand.drag(_place(wrong, WRIST), _place(right.poses, WRIST))


def _move_points(part: Part, hand: Hand, right: Picture, wrong: Poses) -> None:
    """Frame the points of a part, then drag one of them: all go with it.

    A drag that begins inside the box moves the box, so that is hidden first, and shown again.
    """
    known = _known(right, part)
    places = np.array([_place(wrong, keypoint) for keypoint in known])
    (left, top), (end, bottom) = places.min(axis=0) - FRAME, places.max(axis=0) + FRAME
    hand.click(_box_line(wrong))
    hand.press("Alt+h")
    hand.press("v")
    hand.drag((left, top), (end, bottom))
    hand.drag(_place(wrong, known[0]), _place(right.poses, known[0]))


def _box_line(poses: Poses) -> XY:
    """The upper line of the box, near its left end."""
    left, top, right, _ = poses.xyxy[0] / np.tile(poses.size_wh, 2)
    return float(left + (right - left) / 10), float(top)


def _move_skeleton(part: Part, hand: Hand, right: Picture, wrong: Poses) -> None:
    """Near enough, a bone of a selected skeleton can be dragged between its joints: all of it goes along."""
    known = _known(right, part)
    bones = [(a, b) for a, b in SKELETONS[part].items() if a in known and b in known]
    longest = max(bones, key=lambda bone: float(np.linalg.norm(np.subtract(*(_place(wrong, end) for end in bone)))))
    start, end = (tuple(np.mean([_place(poses, one) for one in longest], axis=0)) for poses in (wrong, right.poses))
    hand.zoom(start, NOTCHES)
    hand.click(start)
    hand.drag(start, end)


def _ask(hand: Hand, right: Picture, wrong: Poses) -> None:
    """Draw a box around who was missed. Both switches are on: they stay so."""
    left, top, end, bottom = right.poses.xyxy[1] / np.tile(right.poses.size_wh, 2)
    hand.take_smart_tool()
    hand.ask((left, top, end, bottom))


def _first(poses: Poses) -> Poses:
    """The first person alone."""
    arrays = {name: getattr(poses, name)[:1] for name in ("xyxy", "box_scores", "keypoints", "scores")}
    return Poses(poses.size_wh, **arrays)


def _remove(hand: Hand, right: Picture, wrong: Poses) -> None:
    """The smaller of two people who stand apart."""
    corners = wrong.xyxy[wrong.smallest_first()[0]].reshape(2, 2) / wrong.size_wh
    (left, top), (end, bottom) = corners[0] - FRAME, corners[1] + FRAME
    hand.press("v")
    hand.drag((max(0.0, left), max(0.0, top)), (end, bottom))
    hand.press("Backspace")


def _place(poses: Poses, keypoint: int) -> XY:
    x, y = poses.keypoints[0, keypoint] / poses.size_wh
    return float(x), float(y)
