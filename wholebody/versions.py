"""Model versions: what a prediction says it was made by."""

OUR_VERSIONS = "wholebody-"
"""What the model versions of this project begin with, whatever the weights and settings."""

_CALIBRATED = "-calibrated-"


def calibrated(version: str, digest: str) -> str:
    """The version of predictions whose scores are not the networks' own, but those of a SCORE_CALIBRATION."""
    return f"{version}{_CALIBRATED}{digest}" if digest else version


def calibration_of(version: str) -> str:
    """The digest of the calibration that the scores of a version's predictions have been through; `""` for none."""
    return version.partition(_CALIBRATED)[2]


def is_ours(version: object) -> bool:
    """Whether a prediction's `model_version`, as Label Studio tells it, is one of this project's."""
    return str(version).startswith(OUR_VERSIONS)
