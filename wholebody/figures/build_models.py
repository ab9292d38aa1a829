"""Builds the two ONNX files that read drawn figures: `python -m wholebody.figures.build_models`.

They are arithmetic on the colours of `palette`, not trained networks. Only this script needs `onnx`.
"""

import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, checker, helper, numpy_helper

from wholebody.figures import DETECTOR_PATH, POSE_PATH
from wholebody.figures.palette import BODIES_BGR, DOTS_BGR

OPSET: Final = 17
IR_VERSION: Final = 8
"""Old enough for OpenCV's dnn and for onnxruntime from 2022 on."""

MEAN: Final = (123.675, 116.28, 103.53)
STD: Final = (58.395, 57.12, 57.375)
"""What rtmlib subtracts from and divides by a crop's channels, in the order in which they come (BGR)."""
CROP_HW: Final = (256, 192)
BINS_PER_PIXEL: Final = 2

TOP_SCORE: Final = 0.95
_MIDDLE: Final = 128.0
"""Levels are counted from here, which leaves the least to round."""

BODY_TOLERANCE: Final = 10.0
"""Levels a pixel may differ from a body's colour: less than any rim between dot, bone, body and page does."""
NEIGHBOURS: Final = 0.4
"""Part of its 3x3 neighbourhood that must have a pixel's colour too, or the pixel is noise."""
EDGE_PX: Final = 0.5
"""The outermost pixels are a mixture with the page, so that on average this much of a body goes unseen."""
LEAST_AREA: Final = 0.002
"""Part of the input below which a body is none; twice that gives the full score."""
FILL: Final = (0.15, 0.35)
"""Part of its box that a body fills: no score at the first, full score at the second. A figure fills half."""

DOT_TOLERANCE: Final = 22.0
"""Levels a pixel may differ from a dot's colour: less than any rim in another dot's colours does."""
FULL_MASS: Final = 4.0
"""Sum of a dot's likeness over its pixels, in the 256x192 crop, that earns the full score."""
SPREAD_PX2: Final = 6.0
"""Variance of a dot's pixels, in square pixels, up to which they are one dot; a drawn dot has 1 to 2."""
SIGMA_PX: Final = 2.5
"""Width of the SimCC peaks, about that of RTMPose at this size."""


class _Graph:
    """Collects nodes and constants, and names what they put out."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def __call__(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node. The name of its output."""
        name = output or f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def ramp(self, value: str, start: float, end: float) -> str:
        """0 up to `start`, 1 from `end` on, straight between."""
        moved = self("Sub", value, self.constant(start))
        scaled = self("Div", moved, self.constant(end - start))
        return self("Clip", scaled, self.constant(0), self.constant(1))

    def model(self, name: str, inputs: list[Any], outputs: list[Any]) -> bytes:
        """The checked ONNX file."""
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(
            graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="wholebody.figures"
        )
        checker.check_model(model, full_check=True)
        binary: bytes = model.SerializeToString()
        return binary


def _tensor(name: str, shape: tuple[int | str, ...], dtype: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def _likeness(graph: _Graph, levels: str, colours: npt.NDArray[np.int64], tolerance: float) -> str:
    """`[b, n, h, w]` how like each of `n` colours a pixel is: 1 the same, 0 from `tolerance` levels on.

    `levels` is `[b, 3, h, w]`, in levels from the middle. Squared distances to the few levels that occur in a
    channel come first; a 1x1 convolution then adds up, for every colour, those of its three levels. Nothing
    large cancels, so that half precision, which openvino chooses by itself, is enough.
    """
    pairs = sorted({(channel, level) for colour in colours.tolist() for channel, level in enumerate(colour)})
    channels = graph("Gather", levels, graph.constant([channel for channel, _ in pairs], np.int64), axis=1)
    wanted = np.array([level - _MIDDLE for _, level in pairs])[:, None, None]
    away = graph("Div", graph("Sub", channels, graph.constant(wanted)), graph.constant(tolerance))
    square = graph("Mul", away, away)
    near = graph("Clip", square, graph.constant(0), graph.constant(1))
    weight = np.zeros((len(colours), len(pairs), 1, 1))
    for row, colour in zip(weight, colours.tolist(), strict=True):
        row[[pairs.index(pair) for pair in enumerate(colour)]] = -1
    return graph("Relu", graph("Conv", near, graph.constant(weight), graph.constant(np.ones(len(colours)))))


def _extent(graph: _Graph, present: str) -> tuple[str, str]:
    """`[b, 3, 1]` start and end of the ones in `present`, `[b, 3, length]`; a huge start if none."""
    one = graph.constant(1)
    ones = graph("Add", graph("Mul", present, graph.constant(0)), one)
    ends = graph("CumSum", ones, graph.constant(2, np.int64))
    absent = graph("Mul", graph("Sub", one, present), graph.constant(1e6))
    starts = graph("Add", graph("Sub", ends, one), absent)
    first = graph("ReduceMin", starts, axes=[2], keepdims=1)
    last = graph("ReduceMax", graph("Mul", ends, present), axes=[2], keepdims=1)
    edge = graph.constant(EDGE_PX)
    return graph("Sub", first, edge), graph("Add", last, edge)


def _body_score(graph: _Graph, body: str, width: str, height: str) -> str:
    """`[b, 3, 1]` score of a body from its pixels `[b, 3, h, w]` and the size of its box; 0 for no body."""
    area = graph("ReduceSum", body, graph.constant([2, 3], np.int64), keepdims=0)
    part = graph("ReduceMean", body, axes=[2, 3], keepdims=0)
    axis = graph.constant([2], np.int64)
    box = graph("Abs", graph("Mul", width, height))
    fill = graph("Div", graph("Unsqueeze", area, axis), graph("Add", box, graph.constant(1)))
    large = graph.ramp(graph("Unsqueeze", part, axis), LEAST_AREA, 2 * LEAST_AREA)
    score = graph("Mul", large, graph.ramp(fill, *FILL))
    return graph("Mul", score, graph.constant(TOP_SCORE))


def detector() -> bytes:
    """The detector: BGR 0..255 `[b, 3, h, w]` -> `dets` `[b, 3, 5]`, `labels` `[b, 3]`.

    One row a body colour: x1, y1, x2, y2 in input pixels and a score, all 0 where no figure has that colour.
    """
    graph = _Graph()
    levels = graph("Sub", "input", graph.constant(_MIDDLE))
    like = graph("Greater", _likeness(graph, levels, np.array(BODIES_BGR), BODY_TOLERANCE), graph.constant(0))
    mask = graph("Cast", like, to=TensorProto.FLOAT)
    around = graph("AveragePool", mask, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    dense = graph("Cast", graph("Greater", around, graph.constant(NEIGHBOURS)), to=TensorProto.FLOAT)
    body = graph("Mul", mask, dense)
    left, right = _extent(graph, graph("ReduceMax", body, axes=[2], keepdims=0))
    top, bottom = _extent(graph, graph("ReduceMax", body, axes=[3], keepdims=0))
    score = _body_score(graph, body, graph("Sub", right, left), graph("Sub", bottom, top))
    found = graph("Cast", graph("Greater", score, graph.constant(0)), to=TensorProto.FLOAT)
    rows = graph("Concat", left, top, right, bottom, score, axis=2)
    graph("Mul", rows, found, output="dets")
    none = graph("Mul", graph("Squeeze", score, graph.constant([2], np.int64)), graph.constant(0))
    graph("Cast", none, to=TensorProto.INT64, output="labels")
    n = len(BODIES_BGR)
    return graph.model(
        "figure_detector",
        [_tensor("input", ("b", 3, "h", "w"))],
        [_tensor("dets", ("b", n, 5)), _tensor("labels", ("b", n), TensorProto.INT64)],
    )


def _moments(graph: _Graph, profile: str, length: int) -> tuple[str, str, str]:
    """`[b, 133, 1]` sum, mean and variance of positions along `profile`, `[b, 133, length]`."""
    axis = graph.constant([2], np.int64)
    middle = (length - 1) / 2
    positions = graph.constant(np.arange(length)[None, None] - middle)
    mass = graph("ReduceSum", profile, axis, keepdims=1)
    # A missing dot has no mass: its mean must be a number all the same.
    share = graph("Div", profile, graph("Add", mass, graph.constant(1e-6)))
    mean = graph("ReduceSum", graph("Mul", share, positions), axis, keepdims=1)
    away = graph("Sub", positions, mean)
    square = graph("Mul", away, away)
    variance = graph("ReduceSum", graph("Mul", share, square), axis, keepdims=1)
    return mass, graph("Add", mean, graph.constant(middle)), variance


def _peak(graph: _Graph, mean: str, score: str, length: int, output: str) -> None:
    """`[b, 133, length * BINS_PER_PIXEL]` a bell of height `score` around `mean`, which is in pixels."""
    bins = np.arange(length * BINS_PER_PIXEL) / BINS_PER_PIXEL
    away = graph("Sub", graph.constant(bins[None, None]), mean)
    power = graph("Mul", graph("Mul", away, away), graph.constant(-0.5 / SIGMA_PX**2))
    graph("Mul", graph("Exp", power), score, output=output)


def pose() -> bytes:
    """The pose network: normalised BGR `[b, 3, 256, 192]` -> `simcc_x`, `simcc_y` `[b, 133, 384 and 512]`.

    A dot that is missing has a flat 0 in both.
    """
    graph = _Graph()
    height, width = CROP_HW
    scaled = graph("Mul", "input", graph.constant(np.array(STD)[:, None, None]))
    levels = graph("Add", scaled, graph.constant(np.array(MEAN)[:, None, None] - _MIDDLE))
    like = _likeness(graph, levels, DOTS_BGR.astype(np.int64), DOT_TOLERANCE)
    columns = graph("ReduceSum", like, graph.constant([2], np.int64), keepdims=0)
    rows = graph("ReduceSum", like, graph.constant([3], np.int64), keepdims=0)
    mass, x, variance_x = _moments(graph, columns, width)
    _, y, variance_y = _moments(graph, rows, height)
    # Pixels of one colour all over the crop are no dot, however many they are.
    spread = graph("Add", variance_x, variance_y)
    single = graph("Sub", graph.constant(1), graph.ramp(spread, SPREAD_PX2, 2 * SPREAD_PX2))
    score = graph("Mul", graph("Mul", graph.ramp(mass, 0, FULL_MASS), single), graph.constant(TOP_SCORE))
    _peak(graph, x, score, width, "simcc_x")
    _peak(graph, y, score, height, "simcc_y")
    n = len(DOTS_BGR)
    return graph.model(
        "figure_pose",
        [_tensor("input", ("b", 3, height, width))],
        [
            _tensor("simcc_x", ("b", n, width * BINS_PER_PIXEL)),
            _tensor("simcc_y", ("b", n, height * BINS_PER_PIXEL)),
        ],
    )


def main(folder: Path | None = None) -> None:
    """Write both files, into `folder` or where the package keeps them."""
    for path, build in ((DETECTOR_PATH, detector), (POSE_PATH, pose)):
        target = path if folder is None else folder / path.name
        target.write_bytes(build())
        sys.stdout.write(f"{target}: {target.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
