"""`python -m wholebody weights`: which files the settings need, where from, and what is here of them."""

from collections.abc import Iterator

from wholebody.estimation.checksums import recorded_sha256, verify
from wholebody.estimation.downloads import shown
from wholebody.estimation.weights import WeightsFile, find_weights, weights_files
from wholebody.process.logs import configure_logging
from wholebody.settings import load_settings


def run_weights(*, download: bool) -> str:
    """What is needed, a paragraph for each of the two files.

    Args:
        download: Fetch what is missing first.

    Raises:
        ModelError: A file is missing, cannot be downloaded, or is not what was recorded.
    """
    settings = load_settings()
    if download:
        configure_logging(settings.log_level, settings.log_format)
        find_weights(settings)
    return "\n".join(line for file in weights_files(settings) for line in _lines(file))


def _lines(file: WeightsFile) -> Iterator[str]:
    yield f"{file.setting}: {file.path}"
    if not file.path.is_file():
        recorded = recorded_sha256(file.path)
        yield "  not here" + (f"; must have the sha256 {recorded}" if recorded else "")
    else:
        yield f"  sha256 {verify(file.path, keep_record=False)}"
    for address in file.addresses:
        yield f"  from {shown(address)}"
