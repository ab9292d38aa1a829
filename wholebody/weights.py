"""Which two ONNX files a `Settings` means, downloaded where needed, and what is computed from them."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wholebody.errors import ModelError
from wholebody.settings import Settings

log = logging.getLogger(__name__)

SizeWH = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Weights:
    """The detector's and the pose network's files, and their input sizes as width, height in pixels."""

    detector: Path
    detector_wh: SizeWH
    pose: Path
    pose_wh: SizeWH


def find_weights(settings: Settings) -> Weights:
    """The files of the mode, each replaced by the user's own where one is set; downloads what is missing.

    Raises:
        ModelError: A file is missing or cannot be downloaded, with the ways out.
    """
    (detector, detector_wh), (pose, pose_wh) = _sources(settings)
    return Weights(
        _obtain("DET_MODEL", detector, settings.model_dir),
        detector_wh,
        _obtain("POSE_MODEL", pose, settings.model_dir),
        pose_wh,
    )


def missing_weights(settings: Settings) -> dict[str, Path]:
    """What `find_weights` would download: address -> where the file would be kept. Downloads nothing.

    Raises:
        ModelError: A file of the user's own is missing.
    """
    missing = {}
    for name, (source, _) in zip(("DET_MODEL", "POSE_MODEL"), _sources(settings), strict=True):
        if not _is_url(source):
            _obtain(name, source, settings.model_dir)
        elif not any(path.exists() for path in _kept_as(source, settings.model_dir)):
            missing[source] = _kept_as(source, settings.model_dir)[0]
    return missing


def model_version(settings: Settings, weights: Weights) -> str:
    """Name, mode and a digest of the weights and of every setting that changes the predictions."""
    digest = hashlib.sha256()
    for path in (weights.detector, weights.pose):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    parts = (
        weights.detector_wh,
        weights.pose_wh,
        settings.backend_type,
        settings.confidence_threshold,
        settings.detection_threshold,
        settings.max_people,
    )
    digest.update(repr(parts).encode())
    own = "own" if settings.det_model and settings.pose_model else settings.mode
    return f"wholebody-{own}-{digest.hexdigest()[:8]}"


def _sources(settings: Settings) -> tuple[tuple[str, SizeWH], tuple[str, SizeWH]]:
    """Path or URL, and input size, of the detector and of the pose network."""
    detector, detector_wh, pose, pose_wh = _of_mode(settings.mode)
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
    if _is_url(source):
        return _download(name, source, model_dir)
    path = Path(source).expanduser()
    if not path.is_file():
        raise ModelError(f"{name}={source!r}: no such file")
    return path


def _is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def _kept_as(url: str, model_dir: Path) -> tuple[Path, Path]:
    """Where rtmlib looks for a download: the ONNX file, or the archive that it is in."""
    filename = urlsplit(url).path.rpartition("/")[2]
    return model_dir / f"{filename.split('.')[0]}.onnx", model_dir / filename


def _download(name: str, url: str, model_dir: Path) -> Path:
    from rtmlib.tools.file import download_checkpoint

    try:
        return Path(download_checkpoint(url, dst_dir=str(model_dir)))
    except Exception as error:  # network, disk, a damaged archive: the ways out are the same
        log.debug("download failed", exc_info=True)
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(
            f"{url} cannot be downloaded ({reason}); put it into MODEL_DIR as {_kept_as(url, model_dir)[0]}, "
            f"or set {name} to a file of your own, or try MODE=figures, which needs no download"
        ) from None
