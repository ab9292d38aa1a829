"""The wait at the end of a run for writes that were not answered and may yet be carried out: no longer than needed."""

import logging
import time

from wholebody.label_studio.client import LabelStudioClient
from wholebody.label_studio.late_writes import SETTLES_UNREPEATED_S
from wholebody.prefill.progress import show_progress
from wholebody.process.stopping import Stop

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
SHOW_EVERY_S = 1.0

REASON = "a write without answer may yet be carried out"


def wait_for_late_writes(client: LabelStudioClient, project_id: int, version: str, stop: Stop) -> None:
    """Wait until no write of this run can be under way, and show why and how long still.

    The wait ends as soon as each has been seen. Where Label Studio repeats none by itself, it is short.

    Raises:
        LabelStudioError: Label Studio cannot be asked.
        StoppedError: The user asked to stop.
    """
    late = client.late_writes
    late.look()
    if late.seconds_left() > SETTLES_UNREPEATED_S:
        late.are_repeated = client.repeats_locked_writes(project_id, version)
    left_s = late.seconds_left()
    if not left_s:
        return
    log.warning("%s; looking for copies in %.0f s at most (Ctrl-C: not at all)", REASON, left_s)
    with show_progress(bar_format="{desc}") as progress:
        looked_at = time.monotonic()
        while left_s := late.seconds_left():
            progress.set_description_str(f"{REASON}: {left_s:.0f} s left at most")
            stop.pause(min(left_s, SHOW_EVERY_S))
            if time.monotonic() - looked_at >= LOOK_EVERY_S:
                late.look()
                looked_at = time.monotonic()
    late.look()
