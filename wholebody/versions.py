"""Model versions: what a prediction says it was made by."""

OUR_VERSIONS = "wholebody-"
"""What the model versions of this project begin with, whatever the weights and settings."""


def is_ours(version: object) -> bool:
    """Whether a prediction's `model_version`, as Label Studio tells it, is one of this project's."""
    return str(version).startswith(OUR_VERSIONS)
