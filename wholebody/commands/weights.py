"""`wholebody weights`: its options, and what it says of the two files."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wholebody.estimation.weights import WeightsFile


@click.command()
@click.option("--download", is_flag=True, help="Download what is missing, and record its sha256.")
def weights(download: bool) -> None:
    """Say which two weights files the settings need, where from, and check those that are here.

    For a machine without a network: download into a folder elsewhere, with the same MODE, and copy it to
    MODEL_DIR.
    """
    from wholebody.estimation.weights import find_weights, weights_files
    from wholebody.process.logs import configure_logging
    from wholebody.settings import load_settings

    settings = load_settings()
    if download:
        configure_logging(settings.log_level, settings.log_format)
        find_weights(settings)
    click.echo("\n".join(line for file in weights_files(settings) for line in _lines(file)))


def _lines(file: "WeightsFile") -> Iterator[str]:
    from wholebody.estimation.checksums import recorded_sha256, verify
    from wholebody.estimation.downloads import shown

    yield f"{file.setting}: {file.path}"
    if not file.path.is_file():
        recorded = recorded_sha256(file.path)
        yield "  not here" + (f"; must have the sha256 {recorded}" if recorded else "")
    else:
        yield f"  sha256 {verify(file.path, keep_record=False)}"
    for address in file.addresses:
        yield f"  from {shown(address)}"
