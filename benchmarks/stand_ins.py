"""ONNX networks of random weights that cost what rtmlib's published ones cost, for where those cannot be had.

Their answers mean nothing: the detector sees the same people in every image, and the keypoints lie anywhere. What
they take is what the real ones take, so the shares of detector, pose network and everything else are realistic.
A multiplication and an addition are two operations, as YOLOX counts them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from wholebody.keypoints import NAMES

FOLDER = Path(__file__).resolve().parents[1] / ".bench"
DETECTOR_WH = (640, 640)
OPSET, IR_VERSION = 17, 8
SEED = 1

DETECTOR_STEM, DETECTOR_STAGES = 48, ((96, 3), (192, 5), (384, 4), (768, 2))
"""Channels of the stem, and channels and blocks of each stage: YOLOX-m's 73.8 GFLOPs and 25 million weights."""
POSE_STEM, POSE_STAGES = 64, ((128, 1), (256, 2), (512, 2), (1024, 1))
"""RTMW-l's 7.9 GFLOPs at 192x256, and 17.7 at 288x384."""
POSE_TOKEN = 256
SIMCC_SPLIT = 2


@dataclass(frozen=True, slots=True)
class Kind:
    """A stand-in pair; `people` are seen in every image."""

    name: str
    pose_wh: tuple[int, int]
    people: int


MEDIUM = Kind("stand-in 256x192", (192, 256), people=2)
LARGE = Kind("stand-in 384x288", (288, 384), people=2)
CROWD = Kind("stand-in 256x192, crowd", (192, 256), people=10)


def stand_in_files(kind: Kind, folder: Path = FOLDER) -> tuple[Path, Path]:
    """The detector and the pose network of a pair, made where they are not there yet."""
    folder.mkdir(exist_ok=True)
    width, height = kind.pose_wh
    detector = folder / f"detector_640x640_{kind.people}_people.onnx"
    pose = folder / f"pose_{height}x{width}.onnx"
    for path, build in ((detector, lambda: build_detector(kind.people)), (pose, lambda: build_pose(kind.pose_wh))):
        if not path.exists():
            part = path.with_suffix(".part")
            onnx.save(build(), part)
            part.replace(path)
    return detector, pose


def build_detector(people: int) -> onnx.ModelProto:
    """`(1, 3, 640, 640)` -> `dets (1, people, 5)` and `labels (1, people)`, as rtmlib's default detectors."""
    graph = _Graph()
    features = graph.trunk("input", 3, DETECTOR_STEM, DETECTOR_STAGES)
    mean = graph.node("ReduceMean", features, keepdims=0)
    nothing = graph.node("Mul", mean, graph.constant(np.zeros((), np.float32)))
    dets = graph.constant(_boxes(people))
    graph.node("Add", dets, nothing, output="dets")
    graph.node("Identity", graph.constant(np.zeros((1, people), np.int64)), output="labels")
    shapes = {"dets": (TensorProto.FLOAT, [1, people, 5]), "labels": (TensorProto.INT64, [1, people])}
    return graph.model([1, 3, *DETECTOR_WH[::-1]], shapes)


def build_pose(size_wh: tuple[int, int]) -> onnx.ModelProto:
    """`(b, 3, h, w)` -> SimCC x `(b, 133, 2w)` and y `(b, 133, 2h)` between 0 and 1."""
    width, height = size_wh
    graph = _Graph()
    features = graph.trunk("input", 3, POSE_STEM, POSE_STAGES)
    maps = graph.convolution(features, POSE_STAGES[-1][0], len(NAMES), kernel=1)
    cells = width * height // 32**2
    flat = graph.node("Reshape", maps, graph.constant(np.array([0, len(NAMES), cells], np.int64)))
    tokens = graph.node("MatMul", flat, graph.weights(cells, POSE_TOKEN))
    tokens = graph.node("LayerNormalization", tokens, graph.constant(np.ones(POSE_TOKEN, np.float32)))
    shapes = {}
    for name, edge in (("simcc_x", width), ("simcc_y", height)):
        raw = graph.node("MatMul", tokens, graph.weights(POSE_TOKEN, edge * SIMCC_SPLIT))
        graph.node("Sigmoid", raw, output=name)
        shapes[name] = (TensorProto.FLOAT, ["batch", len(NAMES), edge * SIMCC_SPLIT])
    return graph.model(["batch", 3, height, width], shapes)


def count_flops(model: onnx.ModelProto) -> int:
    """Operations of one run on one input: those of convolutions and matrix products, each addition counted too."""
    model = onnx.shape_inference.infer_shapes(model)
    graph = model.graph
    shapes: dict[str, list[int]] = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = [size.dim_value or 1 for size in value.type.tensor_type.shape.dim]
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":  # weights: outputs, inputs of a group, height, width
            total += 2 * int(np.prod(shapes[node.output[0]])) * int(np.prod(shapes[node.input[1]][1:]))
        elif node.op_type == "MatMul":
            total += 2 * int(np.prod(shapes[node.output[0]])) * shapes[node.input[0]][-1]
    return total


def _boxes(people: int) -> npt.NDArray[np.float32]:
    """`(1, people, 5)` upright boxes side by side inside the picture, in input pixels, with scores."""
    step = 560 / people
    left = 20 + step * np.arange(people)
    rows = [(x, 60, x + max(step * 0.9, 60), 400, 0.9 - 0.01 * i) for i, x in enumerate(left)]
    return np.array([rows], np.float32)


class _Graph:
    """Nodes and weights as they are added."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._rng = np.random.default_rng(SEED)

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: object) -> str:
        """Add a node; the name of its output."""
        output = output or f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, array: npt.NDArray[np.generic]) -> str:
        """Add a constant; its name."""
        name = f"w{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def weights(self, *shape: int, fan_in: int = 0) -> str:
        """Random weights that keep the size of what goes through."""
        scale = (fan_in or shape[0]) ** -0.5
        return self.constant((self._rng.standard_normal(shape, np.float32) * np.float32(scale)).astype(np.float32))

    def convolution(self, source: str, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> str:
        """A convolution with bias that keeps the size, or halves it."""
        weights = self.weights(outputs, inputs, kernel, kernel, fan_in=inputs * kernel * kernel)
        bias = self.constant(np.zeros(outputs, np.float32))
        pad = kernel // 2
        return self.node("Conv", source, weights, bias, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def swish(self, source: str) -> str:
        """x * sigmoid(x), as YOLOX and RTMPose have it."""
        return self.node("Mul", source, self.node("Sigmoid", source))

    def trunk(self, source: str, inputs: int, stem: int, stages: tuple[tuple[int, int], ...]) -> str:
        """Residual blocks, each stage at half the size of the one before."""
        # Images come as 0..255 or as deviations of a few; either way what goes on must stay small.
        scaled = self.node("Mul", source, self.constant(np.full((), 0.01, np.float32)))
        last, channels = self.swish(self.convolution(scaled, inputs, stem, stride=2)), stem
        for width, blocks in stages:
            last, channels = self.swish(self.convolution(last, channels, width, stride=2)), width
            for _ in range(blocks):
                inner = self.swish(self.convolution(last, width, width, kernel=1))
                last = self.node("Add", last, self.swish(self.convolution(inner, width, width)))
        return last

    def model(self, source: list[int | str], outputs: dict[str, tuple[int, list[int | str]]]) -> onnx.ModelProto:
        """The checked model."""
        graph = helper.make_graph(
            self._nodes,
            "stand-in",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, source)],
            [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in outputs.items()],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model
