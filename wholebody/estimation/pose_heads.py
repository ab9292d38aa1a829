"""What the outputs of a pose network mean: SimCC rows or heat maps -> keypoints in crop pixels, and their scores."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wholebody.errors import ModelError
from wholebody.keypoints import NAMES
from wholebody.poses import Floats

SIMCC_SPLIT = 2
"""SimCC bins per crop pixel."""

DARK_KERNEL = 11
"""Edge in cells of the blur before a heat map's peak is refined; rtmlib's."""


class PoseHead(Protocol):
    """The form of a network's outputs."""

    def raw_scores(self, outputs: list[Floats]) -> Floats:
        """`(n, 133)` float32 scores of `n` crops on the network's own scale; what is not a number stays so."""

    def decode(self, outputs: list[Floats], unit: float) -> tuple[Floats, Floats]:
        """`(n, 133, 2)` float32 crop pixels and `(n, 133)` float32 scores in a unit, clipped to 0..1.

        All are finite. A keypoint whose outputs are not all numbers where it counts has score 0.
        """


def find_head(outputs: list[Floats], crop_wh: tuple[int, int]) -> PoseHead:
    """The head whose outputs these are.

    Args:
        outputs: Those of a run.
        crop_wh: Width and height of the network's input in pixels.

    Raises:
        ModelError: Of no known one, or not of 133 keypoints.
    """
    count = len(NAMES)
    simcc = [(count, edge * SIMCC_SPLIT) for edge in crop_wh]
    if [output.shape[1:] for output in outputs[:2]] == simcc:
        return SimCC()
    if len(outputs) == 1 and outputs[0].ndim == 4 and outputs[0].shape[1] == count and min(outputs[0].shape[2:]) > 1:
        return HeatMaps(crop_wh)
    found = ", ".join(str(output.shape) for output in outputs)
    known = " and ".join(str(("n", *shape)).replace("'", "") for shape in simcc)
    raise ModelError(
        f"outputs of shape {found}; known are SimCC, {known} for this input, and heat maps, (n, {count}, height, "
        "width); is it a 133-keypoint network, and is POSE_INPUT_SIZE right?"
    )


class SimCC:
    """A row of bins for x and one for y. Li et al., ECCV 2022, arXiv:2107.03332; the arithmetic is rtmlib's."""

    def raw_scores(self, outputs: list[Floats]) -> Floats:
        """The mean of the two peaks, as rtmlib has it."""
        halves = [output.max(axis=-1) / 2 for output in outputs[:2]]  # the sum may be more than a float holds
        return np.asarray(halves[0] + halves[1])

    def decode(self, outputs: list[Floats], unit: float) -> tuple[Floats, Floats]:
        """See `PoseHead`; a keypoint without a score lies in bin -1, as in rtmlib."""
        raw = self.raw_scores(outputs)
        if not np.isfinite(raw).all():  # a row with a NaN has its peak there
            outputs = [_numbers(output) for output in outputs[:2]]
            raw = self.raw_scores(outputs)
            raw[~np.all([np.isfinite(output.max(axis=-1)) for output in outputs], axis=0)] = 0
            outputs = [np.nan_to_num(output) for output in outputs]
        xy = np.stack([output.argmax(axis=-1) for output in outputs[:2]], axis=-1).astype(np.float32)
        xy[raw <= 0] = -1
        # Cut off before it is divided: with a unit below 1 the quotient may be more than a float holds.
        scores = np.asarray(raw.clip(0, unit) / unit, np.float32)
        return xy / np.float32(SIMCC_SPLIT), scores


@dataclass(frozen=True, slots=True)
class HeatMaps:
    """A map of the crop for each keypoint, as those of ViTPose and HRNet.

    A peak is refined between its cells: Huang et al., CVPR 2020, arXiv:1911.07524, by rtmlib.

    Attributes:
        crop_wh: Width and height of the network's input in pixels.
    """

    crop_wh: tuple[int, int]

    def raw_scores(self, outputs: list[Floats]) -> Floats:
        """The height of the peak."""
        return np.asarray(outputs[0].max(axis=(-2, -1)))

    def decode(self, outputs: list[Floats], unit: float) -> tuple[Floats, Floats]:
        """See `PoseHead`; a keypoint without a score lies in cell -1, as in rtmlib."""
        maps = np.nan_to_num(_numbers(outputs[0])) / np.float32(unit)  # our own: the refinement writes to it
        people, count, height, width = maps.shape
        flat = maps.reshape(people, count, -1)
        y, x = np.divmod(flat.argmax(axis=-1), width)
        scores = flat.max(axis=-1)
        cells = np.stack([x, y], axis=-1).astype(np.float32)
        cells[scores <= 0] = -1
        refined = np.concatenate([_refine(cells[i : i + 1], maps[i : i + 1]) for i in range(people)])
        xy = refined / np.array((width - 1, height - 1)) * np.array(self.crop_wh)
        return np.nan_to_num(xy.astype(np.float32)), scores.clip(0, 1)


def _numbers(output: Floats) -> Floats:
    """The output with less than any number in the place of what is none, +inf included."""
    return np.where(np.isfinite(output), output, -np.inf).astype(np.float32)


def _refine(cells: Floats, maps: Floats) -> Floats:
    """`(1, 133, 2)` peaks of a person -> between the cells; where that cannot be reckoned, as they are.

    One person at a time: rtmlib reckons places in all maps together in 32-bit floats, which are not exact for many.
    """
    from rtmlib.tools.pose_estimation.post_processings import post_dark_udp

    try:
        return np.asarray(post_dark_udp(cells.copy(), maps, kernel=DARK_KERNEL))
    except np.linalg.LinAlgError:  # a map so flat that its curvature cannot be inverted
        return cells
