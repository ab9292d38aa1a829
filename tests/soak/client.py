"""`python -m tests.soak.client ARGUMENTS`: the prefill command with a stub for the model, and waits in milliseconds."""

import importlib
import os
import sys

from tests.soak.stub_model import StubAnnotator
from wholebody.__main__ import main
from wholebody.prefill import run as prefill_run

READ_TIMEOUT_S, SETTLES_AFTER_S = float(os.environ["SOAK_READ_TIMEOUT_S"]), float(os.environ["SOAK_SETTLES_AFTER_S"])
SHORTENED = {
    "wholebody.label_studio.transport.READ_TIMEOUT_S": READ_TIMEOUT_S,
    "wholebody.label_studio.transport.SETTLES_AFTER_TIMEOUT_S": SETTLES_AFTER_S,
    "wholebody.label_studio.transport.SETTLES_AFTER_DROP_S": SETTLES_AFTER_S,
    "wholebody.label_studio.credential.REFRESH_TIMEOUT_S": (5.0, READ_TIMEOUT_S),
    "wholebody.label_studio.pacing.FIRST_BACKOFF_S": 0.01,
    "wholebody.label_studio.pacing.FIRST_SLOWDOWN_S": 0.01,
    "wholebody.label_studio.pacing.SLOW_WRITE_S": 0.05,
}


def shorten() -> None:
    """Give each constant its small value.

    Raises:
        AttributeError: There is none of this name any more.
    """
    for name, value in SHORTENED.items():
        module_name, _, constant = name.rpartition(".")
        module = importlib.import_module(module_name)
        getattr(module, constant)
        setattr(module, constant, value)


if __name__ == "__main__":
    shorten()
    vars(prefill_run)["Annotator"] = StubAnnotator
    main(["prefill", *sys.argv[1:]])
