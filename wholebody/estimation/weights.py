"""Which two ONNX files a `Settings` means, downloaded where needed, and the model version that follows from them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from wholebody.errors import ModelError
from wholebody.estimation.checksums import verify
from wholebody.estimation.downloads import shown
from wholebody.estimation.model_dir import kept_as, obtain
from wholebody.estimation.tensors import Colors
from wholebody.settings import Precision, Settings
from wholebody.versions import OUR_VERSIONS, calibrated

SizeWH = tuple[int, int]

OUTPUT_RULES = 3
"""Counts up when the same networks and settings give other predictions than before. 2: none outside the picture. 3: the
size of a point follows its person and part; smaller people, and smaller points of each, come first."""

MAX_REGIONS = Settings.model_fields["max_regions"].default

TRAINED_ON_RGB = ("rtmw", "rtmpose", "dwpose", "ucoco")
"""By mmpose's configs, and by the `pipeline.json` that mmdeploy writes beside an exported RTMPose ("to_rgb": true). The
last is in the name under which DWPose is published: dw-ll_ucoco_384.onnx."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The detector's and the pose network's files.

    Attributes:
        detector_wh: Width and height of the detector's input in pixels as the mode or the settings say; `None` where
            the file is to say it. `pose_wh` likewise.
        sha256: The digests of the two files, in hexadecimal.
    """

    detector: Path
    detector_wh: SizeWH | None
    pose: Path
    pose_wh: SizeWH | None
    sha256: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of two networks once they are open, and changes what they predict.

    Attributes:
        detector_wh: Width and height of the detector's input in pixels; `pose_wh` likewise.
        colors: The order of colors that the pose network gets.
        score_unit: What its raw scores are divided by.
        precision: How exactly they calculate here, whatever was asked for.
        calibration: The digest of what is done with its scores after that; `""` where nothing is.
    """

    detector_wh: SizeWH
    pose_wh: SizeWH
    colors: Colors
    score_unit: float
    precision: Precision = "full"
    calibration: str = ""


def find_weights(settings: Settings, *, keep_record: bool = True) -> Weights:
    """The files of the mode, each replaced by the user's own where one is set; downloads what is missing.

    Args:
        settings: Mode, own files, MODEL_DIR and mirror.
        keep_record: Record the digest of a file in MODEL_DIR that has no record yet.

    Raises:
        ModelError: A file is missing, cannot be downloaded, or is not what it was at its first use, with the
            ways out.
    """
    (detector, detector_wh), (pose, pose_wh) = _sources(settings)
    paths = (
        _obtain("DET_MODEL", detector, settings.model_dir),
        _obtain("POSE_MODEL", pose, settings.model_dir),
    )
    # A user's own file may have a record, which counts; only the user writes it.
    detector_sha256, pose_sha256 = (
        verify(path, keep_record=keep_record and _is_url(source))
        for path, source in zip(paths, (detector, pose), strict=True)
    )
    return Weights(paths[0], detector_wh, paths[1], pose_wh, (detector_sha256, pose_sha256))


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """One of the two files, here or not.

    Attributes:
        setting: The setting that would replace it: DET_MODEL or POSE_MODEL.
        path: Where it is or would be kept.
        addresses: Where it is downloaded from, in the order in which they are tried; none for a path.
    """

    setting: str
    path: Path
    addresses: tuple[str, ...]


def weights_files(settings: Settings) -> list[WeightsFile]:
    """Which two files `find_weights` would return. Downloads nothing.

    Raises:
        ModelError: A file of the user's own is missing.
    """
    files = []
    for setting, (source, _) in zip(("DET_MODEL", "POSE_MODEL"), _sources(settings), strict=True):
        if _is_url(source):
            addresses = tuple(filter(None, (source, _alternative(source))))
            files.append(WeightsFile(setting, kept_as(source, settings.model_dir)[0], addresses))
        else:
            files.append(WeightsFile(setting, _obtain(setting, source, settings.model_dir), ()))
    return files


def missing_weights(settings: Settings) -> dict[str, Path]:
    """What `find_weights` would download: address -> where the file would be kept. Downloads nothing.

    Raises:
        ModelError: A file of the user's own is missing.
    """
    files = weights_files(settings)
    return {file.addresses[0]: file.path for file in files if file.addresses and not file.path.is_file()}


def pose_colors(settings: Settings, weights: Weights) -> Colors:
    """The order of colors that the pose network was trained on: as POSE_COLORS says, or by the file's name."""
    if settings.pose_colors != "auto":
        return settings.pose_colors
    return "rgb" if any(family in weights.pose.name.lower() for family in TRAINED_ON_RGB) else "bgr"


def model_version(settings: Settings, weights: Weights, traits: Traits) -> str:
    """Name, mode and a digest of the weights and of everything else that changes the predictions.

    Where scores are calibrated it says so: nobody may take them for the networks' own.
    """
    digest = hashlib.sha256()
    for sha256 in weights.sha256:
        digest.update(bytes.fromhex(sha256))
    parts = (
        OUTPUT_RULES,
        traits.detector_wh,
        traits.pose_wh,
        settings.backend_type,
        settings.confidence_threshold,
        settings.detection_threshold,
        settings.max_people,
        # Only where they differ from what once was the only way, so that versions from then hold.
        *(["task boxes"] if settings.task_boxes else []),
        *(["rgb"] if traits.colors == "rgb" else []),
        *([f"score unit {traits.score_unit:g}"] if traits.score_unit != 1 else []),
        *([f"precision {traits.precision}"] if traits.precision != "full" else []),
        *([f"calibration {traits.calibration}"] if traits.calibration else []),
        *([f"regions {settings.max_regions}"] if settings.max_regions != MAX_REGIONS else []),
    )
    digest.update(repr(parts).encode())
    own = "own" if settings.det_model and settings.pose_model else settings.mode
    return calibrated(f"{OUR_VERSIONS}{own}-{digest.hexdigest()[:8]}", traits.calibration)


def _sources(settings: Settings) -> tuple[tuple[str, SizeWH | None], tuple[str, SizeWH | None]]:
    """Path or URL, and input size, of the detector and of the pose network."""
    detector_wh: SizeWH | None
    pose_wh: SizeWH | None
    detector, detector_wh, pose, pose_wh = _of_mode(settings.mode)
    if settings.weights_mirror and settings.mode != "figures":
        detector, pose = (f"{settings.weights_mirror}/{source.rpartition('/')[2]}" for source in (detector, pose))
    if settings.det_model:
        detector, detector_wh = settings.det_model, settings.det_input_size
    if settings.pose_model:
        pose, pose_wh = settings.pose_model, settings.pose_input_size
    return (detector, detector_wh), (pose, pose_wh)


def _of_mode(mode: str) -> tuple[str, SizeWH, str, SizeWH]:
    if mode == "figures":
        from wholebody.figures import DETECTOR_PATH, POSE_PATH

        return str(DETECTOR_PATH), (640, 640), str(POSE_PATH), (192, 256)
    from rtmlib import Wholebody

    zoo = Wholebody.MODE[mode]
    detector_h, detector_w = zoo["det_input_size"]  # rtmlib writes the detector's size as height, width
    return zoo["det"], (detector_w, detector_h), zoo["pose"], zoo["pose_input_size"]


def _obtain(name: str, source: str, model_dir: Path) -> Path:
    if not _is_url(source):
        path = Path(source).expanduser()
        if not path.is_file():
            raise ModelError(f"{name}={source!r}: no such file")
        return path
    onnx, _ = kept_as(source, model_dir)
    try:
        return obtain(source, _alternative(source), model_dir)
    except ModelError as error:
        raise ModelError(
            f"{shown(source)} cannot be downloaded ({error}); put it into MODEL_DIR as {onnx}, "
            f"or set {name} to a file of your own, or try MODE=figures, which needs no download"
        ) from None


def _alternative(url: str) -> str | None:
    """Where rtmlib has the same file once more, on Hugging Face."""
    from rtmlib.tools.file import get_mirror_url

    alternative: str | None = get_mirror_url(url)
    return alternative


def _is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))
