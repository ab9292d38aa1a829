"""The people found in one image, as numpy arrays in the image's own pixels."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wholebody.keypoints import NAMES

Floats = npt.NDArray[np.float32]
XYXY = tuple[float, float, float, float]
"""Left, top, right and bottom of a box."""


@dataclass(frozen=True, slots=True)
class Poses:
    """Boxes, keypoints and scores of `n` people in one upright image.

    Attributes:
        size_wh: Width and height of the image in pixels.
        xyxy: `(n, 4)` float32 person boxes, left, top, right, bottom in pixels.
        box_scores: `(n,)` float32 detector scores, 0..1.
        keypoints: `(n, 133, 2)` float32 x, y in pixels, in the order of `keypoints.NAMES`.
        scores: `(n, 133)` float32 keypoint scores, 0..1.

    Raises:
        ValueError: A shape is not as above, or a value is not finite.
    """

    size_wh: tuple[int, int]
    xyxy: Floats
    box_scores: Floats
    keypoints: Floats
    scores: Floats

    def __post_init__(self) -> None:
        n, k = len(self.xyxy), len(NAMES)
        expected = {"xyxy": (n, 4), "box_scores": (n,), "keypoints": (n, k, 2), "scores": (n, k)}
        for name, shape in expected.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, not {array.shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds a value that is not finite")

    def __len__(self) -> int:
        """The number of people."""
        return len(self.xyxy)

    def smallest_first(self) -> list[int]:
        """The people by the area of their boxes; of the same area, in their own order."""
        left, top, right, bottom = self.xyxy.T
        order: list[int] = np.argsort((right - left) * (bottom - top), kind="stable").tolist()
        return order

    def scaled_to(self, size_wh: tuple[int, int]) -> "Poses":
        """The same people in the same image of another size."""
        if size_wh == self.size_wh:
            return self
        scale = np.divide(size_wh, self.size_wh, dtype=np.float32)
        return replace(self, size_wh=size_wh, xyxy=self.xyxy * np.tile(scale, 2), keypoints=self.keypoints * scale)

    def inside(self, tolerance: float) -> "Poses":
        """The same people; keypoints that lie outside the image have no score.

        Args:
            tolerance: How far outside one may lie, as a share of the longer side of its person's box.
        """
        beyond = np.maximum(-self.keypoints, self.keypoints - np.array(self.size_wh, np.float32)).max(axis=-1)
        sides = (self.xyxy[:, 2:] - self.xyxy[:, :2]).max(axis=-1, initial=0)
        return replace(self, scores=np.where(beyond > tolerance * sides[:, None], np.float32(0), self.scores))

    @classmethod
    def nobody(cls, size_wh: tuple[int, int]) -> "Poses":
        """Poses of an image in which nobody was found."""
        k = len(NAMES)
        return cls(
            size_wh,
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            np.zeros((0, k, 2), np.float32),
            np.zeros((0, k), np.float32),
        )


def iou(one: XYXY, other: XYXY) -> float:
    """Intersection over union of two boxes, 0..1; 0 where neither has an area."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0.0) * max(height, 0.0)
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - common
    return common / union if union > 0 else 0.0
