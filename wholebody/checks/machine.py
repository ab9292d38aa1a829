"""The checks of this machine: are the weights here, and does the device run them?"""

import time
from urllib.parse import urlsplit

from wholebody.checks.facts import Check, Facts, Finding
from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.weights import find_weights, missing_weights


def look_at_weights(facts: Facts) -> Finding:
    """Are both files here? Nothing is downloaded."""
    facts.weights = None
    missing = missing_weights(facts.settings)
    if missing:
        message = "not here yet: " + ", ".join(map(str, missing.values()))
        hosts = " and ".join(sorted({urlsplit(url).netloc.rpartition("@")[2] for url in missing}))
        cure = f"the first start downloads them from {hosts}; without a network put the .onnx files there yourself"
        return Finding("warn", message, cure)
    facts.weights = weights = find_weights(facts.settings, keep_record=False)
    return Finding("ok", f"{weights.detector}, {weights.pose}")


def look_at_device(facts: Facts) -> Finding:
    """Do both networks open and run on the device?"""
    settings = facts.settings
    if facts.weights is None:
        return Finding("skip", f"DEVICE={settings.device} was not tried: weights are missing")
    started = time.monotonic()
    load_estimator(settings, facts.weights, threads=0, concurrency=1)
    seconds = time.monotonic() - started
    return Finding("ok", f"{settings.backend_type} on {settings.device} opened and ran both in {seconds:.1f} s")


OF_THIS_MACHINE = (
    Check("weights", look_at_weights, ("settings",), "correct the setting"),
    Check("device", look_at_device, ("weights",), "see docs/gpu.md and docs/weights.md"),
)
