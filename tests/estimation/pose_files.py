"""Pose networks as files, made for a test. No test of its own."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8


def scaled(source: Path, factor: float, target: Path) -> Path:
    """The network of a file with all its outputs multiplied."""
    model = onnx.load(source)
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.array(factor, np.float32), "factor"))
    for output in graph.output:
        for node in graph.node:
            node.output[:] = [f"{name}_plain" if name == output.name else name for name in node.output]
            node.input[:] = [f"{name}_plain" if name == output.name else name for name in node.input]
        graph.node.append(helper.make_node("Mul", [f"{output.name}_plain", "factor"], [output.name]))
    onnx.save(model, target)
    return target


def always(outputs: dict[str, np.ndarray], input_wh: tuple[int, int], target: Path, batch: int | str = "b") -> Path:
    """A network that gives each crop the same, whatever is in it; the outputs are those of one crop, `(1, ...)`."""
    width, height = input_wh
    source = helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, height, width])
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
    ]
    tensors = [numpy_helper.from_array(np.zeros((), np.float32), "zero")]
    stated = []
    for name, value in outputs.items():
        shape = np.array([-1] + [1] * (value.ndim - 1))
        tensors += [numpy_helper.from_array(value, f"{name}_value"), numpy_helper.from_array(shape, f"{name}_shape")]
        nodes += [
            helper.make_node("Reshape", ["nothing", f"{name}_shape"], [f"{name}_nothing"]),
            helper.make_node("Add", [f"{name}_value", f"{name}_nothing"], [name]),
        ]
        stated.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *value.shape[1:]]))
    graph = helper.make_graph(nodes, "always", [source], stated, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.save(model, target)
    return target
