"""Labeling configs, read and written; regions made of poses; what an annotator drew. Knows no pixels, asks nobody."""
