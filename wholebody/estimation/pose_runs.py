"""Crops of an image -> keypoints, in as few runs of the pose network as may be. Knows no boxes and no detector."""

import math
from collections.abc import Sequence

import numpy as np

from wholebody.estimation.geometry import Crop
from wholebody.estimation.networks import Network
from wholebody.estimation.outputs import check_simcc, decode_simcc
from wholebody.estimation.tensors import write_pose_input
from wholebody.images.decoding import BGR
from wholebody.poses import Floats
from wholebody.process.turns import Turns


class PoseRuns:
    """Runs the pose network on the crops of an image. Thread-safe, as the network is.

    Args:
        network: The pose network.
        crop_wh: Width and height of its input in pixels.
        batch: The most crops in a run. A file whose own batch is fixed takes just that many.
        turns: One is held for each run, so that somebody else may have the next.
    """

    def __init__(self, network: Network, crop_wh: tuple[int, int], batch: int, turns: Turns) -> None:
        self._network = network
        self._crop_wh = crop_wh
        self._batch = network.batch or batch
        self._turns = turns

    def keypoints(self, bgr: BGR, crops: Sequence[Crop]) -> tuple[Floats, Floats]:
        """The keypoints on each of at least one crop of a `(h, w, 3)` uint8 BGR image.

        Returns:
            `(n, 133, 2)` float32 image pixels and `(n, 133)` float32 scores, 0..1.
        """
        # Runs of much the same length: 3 and 3, not 4 and 2.
        step = math.ceil(len(crops) / math.ceil(len(crops) / self._batch))
        runs = [self._run(bgr, crops[i : i + step]) for i in range(0, len(crops), step)]
        in_crop, scores = (np.concatenate(parts) for parts in zip(*runs, strict=True))
        return np.stack([crop.to_image(xy) for crop, xy in zip(crops, in_crop, strict=True)]), scores

    def warm_up(self) -> None:
        """Run the network once, with as many black crops as a run may have.

        Raises:
            ModelError: The outputs are not those of a 133-keypoint network.
            Exception: Whatever a network that does not run raises.
        """
        with self._turns:
            simcc_x, simcc_y = self._network.run(self._empty(self._batch))[:2]
        check_simcc(simcc_x, simcc_y, self._crop_wh)

    def _run(self, bgr: BGR, crops: Sequence[Crop]) -> tuple[Floats, Floats]:
        """`(n, 133, 2)` keypoints in crop pixels and `(n, 133)` scores, by one run."""
        # A file whose batch is fixed takes no less than that: what is left over stays black.
        pixels = self._empty(self._network.batch or len(crops))
        for crop, planes in zip(crops, pixels, strict=False):
            write_pose_input(crop.cut(bgr), planes)
        with self._turns:
            simcc_x, simcc_y = self._network.run(pixels)[:2]
        return decode_simcc(simcc_x[: len(crops)], simcc_y[: len(crops)])

    def _empty(self, crops: int) -> Floats:
        width, height = self._crop_wh
        return np.zeros((crops, 3, height, width), np.float32)
