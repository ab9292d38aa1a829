"""Crops of an image -> keypoints, in as few runs of the pose network as may be. Knows no boxes and no detector."""

import math
from collections.abc import Sequence

import numpy as np

from wholebody.estimation.geometry import Crop
from wholebody.estimation.networks import Network
from wholebody.estimation.pose_heads import PoseHead, find_head
from wholebody.estimation.score_unit import find_score_unit
from wholebody.estimation.tensors import Colors, write_pose_input
from wholebody.images.decoding import BGR
from wholebody.poses import Floats
from wholebody.process.turns import Turns


class PoseRuns:
    """Runs the pose network on the crops of an image. Thread-safe, as the network is. `warm_up` comes first.

    Args:
        network: The pose network.
        crop_wh: Width and height of its input in pixels.
        batch: The most crops in a run. A file whose own batch is fixed takes just that many.
        turns: One is held for each run, so that somebody else may have the next.
        colors: The order of colors that the network was trained on.
        score_unit: What its raw scores are divided by; `None` where that is to be measured.

    Attributes:
        score_unit: Likewise, known after `warm_up`.
        unit_in_words: How it was found.
    """

    _head: PoseHead

    def __init__(
        self,
        network: Network,
        crop_wh: tuple[int, int],
        batch: int,
        turns: Turns,
        colors: Colors = "bgr",
        score_unit: float | None = None,
    ) -> None:
        self._network = network
        self._crop_wh = crop_wh
        self._batch = network.batch or batch
        self._turns = turns
        self._colors = colors
        self._given_unit = score_unit
        self.score_unit = 1.0
        self.unit_in_words = ""

    def keypoints(self, bgr: BGR, crops: Sequence[Crop]) -> tuple[Floats, Floats]:
        """The keypoints on each of at least one crop of a `(h, w, 3)` uint8 BGR image.

        Returns:
            `(n, 133, 2)` float32 image pixels and `(n, 133)` float32 scores, 0..1.
        """
        # Runs of much the same length: 3 and 3, not 4 and 2.
        step = math.ceil(len(crops) / math.ceil(len(crops) / self._batch))
        parts = [crops[i : i + step] for i in range(0, len(crops), step)]
        # Decoded run by run: the outputs of a crowd would take more memory than its keypoints.
        found = [self._head.decode(self._run([crop.cut(bgr) for crop in part]), self.score_unit) for part in parts]
        in_crop, scores = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        return np.stack([crop.to_image(xy) for crop, xy in zip(crops, in_crop, strict=True)]), scores

    def warm_up(self, person: BGR) -> None:
        """Run the network once, with as many crops as a run may have, and learn what its outputs mean.

        Args:
            person: `(h, w, 3)` uint8 BGR crop of a plainly visible person.

        Raises:
            ModelError: The outputs are not those of a 133-keypoint network, or no numbers.
            Exception: Whatever a network that does not run raises.
        """
        outputs = self._run([person] + [np.zeros_like(person)] * (self._batch - 1))
        self._head = find_head(outputs, self._crop_wh)
        measured, words = find_score_unit(self._head.raw_scores(outputs)[0])
        self.score_unit, self.unit_in_words = measured, words
        if self._given_unit is not None:
            self.score_unit, self.unit_in_words = self._given_unit, f"{self._given_unit:g} (POSE_SCORE_UNIT)"

    def _run(self, crops: Sequence[BGR]) -> list[Floats]:
        """The outputs for as many crops as go into one run."""
        width, height = self._crop_wh
        # A file whose batch is fixed takes no less than that: what is left over stays black.
        pixels = np.zeros((self._network.batch or len(crops), 3, height, width), np.float32)
        for crop, planes in zip(crops, pixels, strict=False):
            write_pose_input(crop, planes, self._colors)
        with self._turns:
            outputs = self._network.run(pixels)
        return [output[: len(crops)] for output in outputs]
