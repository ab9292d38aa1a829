"""A pose network and the arrays that crops are written to: crops of an image -> peaks. Decides nothing about turns."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from wholebody.estimation.geometry import Crop
from wholebody.estimation.networks import Network
from wholebody.estimation.outputs import Peaks, check_simcc, find_peaks
from wholebody.estimation.tensors import InputArrays, write_pose_input
from wholebody.images.decoding import BGR


class CropNetwork:
    """Runs a pose network on crops. Thread-safe, as the network is.

    Args:
        network: The network.
        crop_wh: Width and height of its input in pixels.
        batch: The most crops in a run.
        kept: Arrays kept for inputs; each takes as much as a full run.
    """

    def __init__(self, network: Network, crop_wh: tuple[int, int], batch: int, kept: int) -> None:
        self._network = network
        self._crop_wh = crop_wh
        width, height = crop_wh
        self._inputs = InputArrays((network.batch or batch, 3, height, width), kept)

    def find_peaks(self, bgr: BGR, crops: Sequence[Crop], turn: AbstractContextManager[None]) -> Peaks:
        """The peaks on crops of a `(h, w, 3)` uint8 BGR image, in one run; the turn is held while the network runs."""
        with self._inputs.lent() as pixels:
            for crop, planes in zip(crops, pixels, strict=False):
                write_pose_input(crop.cut(bgr), planes)
            # A file whose batch is fixed takes no less than that: what is left over is black.
            batch = pixels[: self._network.batch or len(crops)]
            batch[len(crops) :] = 0
            with turn:
                simcc_x, simcc_y = self._network.run(batch)[:2]
        return find_peaks(simcc_x[: len(crops)], simcc_y[: len(crops)])

    def warm_up(self, crops: int) -> None:
        """Run the network once with so many black crops.

        Raises:
            ModelError: The outputs are not those of a 133-keypoint network.
            Exception: Whatever a network that does not run raises.
        """
        with self._inputs.lent() as pixels:
            black = pixels[: self._network.batch or crops]
            black[:] = 0
            simcc_x, simcc_y = self._network.run(black)[:2]
        check_simcc(simcc_x, simcc_y, self._crop_wh)
