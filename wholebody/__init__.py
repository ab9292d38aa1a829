"""Pose pre-annotation for Label Studio: 133 COCO-WholeBody keypoints of every person, online and in bulk."""

import os

__version__ = "0.1.0"

# onnxruntime for Linux reports its use to its makers unless this is set before its first import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
