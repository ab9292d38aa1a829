"""Draws pictures of one to three figures, and says where in them every keypoint is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from wholebody.figures.anatomy import DOT_RADIUS, Arm, Points, Stance, keypoints, outline
from wholebody.figures.palette import BODIES_BGR, BONE_BGR, DOTS_BGR, PAGE_BGR, SHADOW_BGR, Bgr
from wholebody.keypoints import SKELETON

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

MAX_FIGURES: Final = len(BODIES_BGR)
MIN_HEIGHT_PX: Final = 180
"""Figures are never drawn smaller: the dots would run into each other."""
SAMPLE_SIZES_WH: Final = ((640, 800), (960, 720), (1280, 720))
"""Sizes of `write_samples`' pictures with one, two and three figures."""

_HALF_WIDTH: Final = 0.395
_DISTANCE: Final = 0.89
"""Half the width a figure may have, and the least distance of two axes, in heights of the tallest.

A crop is the box padded by 1.25, so it reaches 0.49 heights to each side, and the neighbour begins 0.395
before its axis: no crop shows a part of another figure.
"""
_SHIFT: Final = 6
"""Bits after the point in coordinates given to OpenCV."""
FACE_LINES: Final = (
    *((23, 40, False), (40, 45, False), (45, 50, False), (50, 54, False), (54, 59, False)),
    *((59, 65, True), (65, 71, True), (71, 83, True), (83, 91, True)),
)
"""First and end of each line of the face in `keypoints.NAMES`, and whether it is closed."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture of `n` figures and the truth about it.

    Attributes:
        bgr: `(height, width, 3)` uint8.
        xyxy: `(n, 4)` float32 boxes of the figures in pixels: first column and row, and one past the last.
        keypoints: `(n, 133, 2)` float32 x, y of the dots' centres; (0, 0) is the centre of the first pixel.
    """

    bgr: Image
    xyxy: Floats
    keypoints: Floats


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a figure stands: its height, the x of its box's middle, and the y of its box's top, in pixels."""

    height: float
    x: float
    y: float


def draw_figures(count: int, seed: int, size_wh: tuple[int, int]) -> Drawing:
    """Draw one to three figures side by side. The same arguments always give the same picture.

    Args:
        count: Number of figures, 1 to 3.
        seed: Chooses where and how they stand.
        size_wh: Width and height of the picture in pixels.

    Raises:
        ValueError: Not 1 to 3 figures, or the picture has too little room for them.
    """
    if not 1 <= count <= MAX_FIGURES:
        raise ValueError(f"count must be 1 to {MAX_FIGURES}, not {count}")
    rng = np.random.default_rng(seed)
    width, height = size_wh
    bgr = np.full((height, width, 3), PAGE_BGR, np.uint8)
    figures = [
        _draw_figure(bgr, _stance(rng, look), place, BODIES_BGR[look])
        for look, place in enumerate(_places(rng, count, size_wh))
    ]
    boxes, points = zip(*figures, strict=True)
    return Drawing(bgr, np.array(boxes, np.float32), np.array(points, np.float32))


def write_samples(folder: Path, count: int, seed: int) -> list[Path]:
    """Write `figures-01.png` ... with one, two, three, one, ... figures into a folder, made if missing.

    The truth about file number `i` (from 1) is that of `sample(i, seed)`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"figures-{number:02d}.png" for number in range(1, count + 1)]
    for number, path in enumerate(paths, 1):
        path.write_bytes(cv2.imencode(".png", sample(number, seed).bgr)[1].tobytes())
    return paths


def sample(number: int, seed: int) -> Drawing:
    """The drawing in file `number`, counted from 1, of `write_samples` with that seed."""
    count = (number - 1) % MAX_FIGURES + 1
    return draw_figures(count, seed + number, SAMPLE_SIZES_WH[count - 1])


def _places(rng: np.random.Generator, count: int, size_wh: tuple[int, int]) -> list[_Place]:
    """Heights and positions such that no figure's crop shows a part of another figure."""
    width, height = size_wh
    needed = 2 * _HALF_WIDTH + _DISTANCE * (count - 1)
    tallest = min(0.94 * height, width / needed) * rng.uniform(0.9, 1.0)
    heights = tallest * rng.uniform(0.93, 1.0, count)
    if heights.min() < MIN_HEIGHT_PX:
        raise ValueError(
            f"a picture of {width}x{height} pixels is too small for {count} figures: they would be"
            f" {heights.min():.0f} pixels high, the least is {MIN_HEIGHT_PX}"
        )
    # What is left of the width goes before, between and after the figures.
    gaps = rng.dirichlet(np.ones(count + 1))[:count] * (width - needed * tallest)
    xs = np.cumsum(gaps) + (_HALF_WIDTH + _DISTANCE * np.arange(count)) * tallest
    ground = height - (height - tallest) * rng.uniform(0.2, 0.6)
    tops = ground - heights + rng.uniform(-0.03, 0.03, count) * tallest
    ys = np.clip(tops, 0.01 * height, 0.99 * height - heights)
    return [_Place(*place) for place in zip(heights, xs, ys, strict=True)]


def _stance(rng: np.random.Generator, look: int) -> Stance:
    """Both arms down, or one of them waving; then a little of everything."""

    def arm(waving: bool) -> Arm:
        upper, fore, hand = (96, 126, 138) if waving else (36, 22, 20)
        return Arm(upper + rng.uniform(-4, 4), fore + rng.uniform(-4, 4), hand + rng.uniform(-5, 5))

    waves = int(rng.integers(3))
    return Stance(
        tilt=rng.uniform(-3.5, 3.5),
        left_arm=arm(waves == 1),
        right_arm=arm(waves == 2),
        step=rng.uniform(0.0, 4.0),
        look=look,
    )


def _draw_figure(bgr: Image, stance: Stance, place: _Place, body_bgr: Bgr) -> tuple[list[float], Points]:
    """Draw a figure into `bgr`. Its box as in `Drawing.xyxy`, its keypoints in pixels."""
    points = keypoints(stance)
    blobs = outline(stance, points)
    circles = np.array([circle for blob in blobs for circle in blob])
    low = (circles[:, :2] - circles[:, 2:]).min(0)
    high = (circles[:, :2] + circles[:, 2:]).max(0)
    scale = place.height / (high - low)[1]
    origin = np.array([place.x, place.y]) - scale * np.array([(low + high)[0] / 2, low[1]])
    points = points * scale + origin
    _draw_shadow(bgr, (origin[0], place.y + place.height - 5 * scale), scale)
    box = _draw_body(bgr, [np.array(blob) * scale + (*origin, 0) for blob in blobs], body_bgr)
    _draw_bones(bgr, points, max(1, round(0.9 * scale)))
    for centre, colour in zip(points, DOTS_BGR, strict=True):
        _draw_dot(bgr, centre, DOT_RADIUS * scale, colour)
    return box, points


def _fixed(points: Points) -> npt.NDArray[np.int32]:
    """Pixels as OpenCV's fixed-point numbers."""
    return np.rint(points * (1 << _SHIFT)).astype(np.int32)


def _draw_shadow(bgr: Image, centre: tuple[float, float], scale: float) -> None:
    centre_xy, axes = _fixed(np.array([centre, (44 * scale, 7 * scale)])).tolist()
    cv2.ellipse(bgr, centre_xy, axes, 0, 0, 360, SHADOW_BGR, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _draw_body(bgr: Image, blobs: list[Points], body_bgr: Bgr) -> list[float]:
    """Fill the hulls of circles `(x, y, radius)` in pixels with one colour. Box of what was filled."""
    turn = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], 1)
    mask = np.zeros(bgr.shape[:2], np.uint8)
    for blob in blobs:
        rims = blob[:, None, :2] + blob[:, None, 2:] * ring
        hull = cv2.convexHull(_fixed(rims.reshape(-1, 2)))
        cv2.fillConvexPoly(mask, hull, 255, cv2.LINE_AA, _SHIFT)
    left, top, width, height = cv2.boundingRect(mask)
    patch = bgr[top : top + height, left : left + width]
    cover = mask[top : top + height, left : left + width, None] / np.float32(255)
    patch[:] = np.rint(patch + (np.array(body_bgr, np.float32) - patch) * cover).astype(np.uint8)
    # The box is of what is at least half covered.
    left, top, width, height = cv2.boundingRect((mask > 127).astype(np.uint8))
    return [left, top, left + width, top + height]


def _draw_bones(bgr: Image, points: Points, thickness: int) -> None:
    """Lines under the dots: the skeleton below the neck, and the features of the face."""
    fixed = _fixed(points)
    bones = [fixed[[a, b]] for edges in SKELETON.values() for a, b in edges if min(a, b) >= 5]
    cv2.polylines(bgr, bones, False, BONE_BGR, thickness, cv2.LINE_AA, _SHIFT)
    for first, end, closed in FACE_LINES:
        cv2.polylines(bgr, [fixed[first:end]], closed, BONE_BGR, thickness, cv2.LINE_AA, _SHIFT)


def _draw_dot(bgr: Image, centre: Points, radius: float, colour: npt.NDArray[np.uint8]) -> None:
    """A disc whose rim pixels are covered in proportion, so that its centre of mass is `centre`."""
    left, top = np.floor(centre - radius - 1).astype(int)
    right, bottom = np.ceil(centre + radius + 2).astype(int)
    y, x = np.ogrid[top:bottom, left:right]
    cover = np.clip(radius + 0.5 - np.hypot(x - centre[0], y - centre[1]), 0, 1)[..., None]
    patch = bgr[top:bottom, left:right]
    patch[:] = np.rint(patch + (colour - patch.astype(float)) * cover).astype(np.uint8)
