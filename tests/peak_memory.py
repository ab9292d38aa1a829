"""Loads one image in a process of its own and tells what became of it and how much memory it took. No test of its own.

outcome = measure(server.url + "/bomb.png")
assert outcome.peak_mb < 300
"""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
TINY = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs="


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an image.

    Attributes:
        text: `WIDTH x HEIGHT`, or the error.
        is_error: Whether it was an `ImageError`.
        peak_mb: By how much the resident memory grew at its peak, in millions of bytes.
        counted_mb: What was taken from IMAGE_MEMORY_BYTES to decode it, likewise.
        seconds: How long it took.
    """

    text: str
    is_error: bool
    peak_mb: float
    counted_mb: float
    seconds: float


def measure(reference: str, **environment: str) -> Outcome:
    """Load `reference` at the default limits, or those that the environment changes."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "tests.peak_memory"],
        input=reference.encode(),
        capture_output=True,
        cwd=ROOT,
        env=kept | {"MODE": "figures"} | environment,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return Outcome(**json.loads(done.stdout))


def main() -> None:
    from wholebody.errors import ImageError
    from wholebody.images.loader import ImageLoader
    from wholebody.settings import Settings

    reference = sys.stdin.buffer.read().decode()
    loader = ImageLoader(Settings(_env_file=None))  # type: ignore[call-arg]
    loader.load(TINY, 1)  # what is made once is no image's
    CLEAR.write_text("5")  # the peak is counted from here
    taken = []
    taking = loader.memory.take
    loader.memory.take = lambda *given: (taken.append(given[0]), taking(*given))[1]  # type: ignore[method-assign]
    before, begun = _bytes("VmRSS"), time.monotonic()
    try:
        picture = loader.load(reference, 1)
        text, is_error = "{} x {}".format(*picture.size_wh), False
    except ImageError as error:
        text, is_error = str(error), True
    seconds = time.monotonic() - begun
    print(json.dumps(asdict(Outcome(text, is_error, (_bytes("VmHWM") - before) / 1e6, sum(taken) / 1e6, seconds))))


def _bytes(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", STATUS.read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


if __name__ == "__main__":
    main()
