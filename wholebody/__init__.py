"""Pose pre-annotation for Label Studio: 133 COCO-WholeBody keypoints of every person, online and in bulk."""

__version__ = "0.1.0"
