"""Drawn figures and the two tiny models that read them: for tests and for trying things out, not for photos.

A figure is a paper doll with 133 dots of 133 colours. The "models" here know those colours and nothing of
people, but have the interfaces of rtmlib's detector and pose network, so that all around them runs as it
would with those.
"""

from pathlib import Path
from typing import Final

DETECTOR_PATH: Final = Path(__file__).with_name("detector.onnx")
"""Finds drawn figures: `[b, 3, h, w]` BGR 0..255 -> `dets` `[b, 3, 5]`, `labels` `[b, 3]`."""

POSE_PATH: Final = Path(__file__).with_name("pose.onnx")
"""Finds a drawn figure's dots: `[b, 3, 256, 192]` -> `simcc_x` `[b, 133, 384]`, `simcc_y` `[b, 133, 512]`."""
