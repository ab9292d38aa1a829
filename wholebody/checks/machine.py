"""The checks of this machine: are the weights here, and does the device run them?"""

import time
from urllib.parse import urlsplit

import numpy as np

from wholebody.checks.facts import Check, Facts, Finding
from wholebody.estimation.detections import ious
from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.reference_person import PERSON_XYXY, read_picture
from wholebody.estimation.weights import find_weights, missing_weights
from wholebody.keypoints import NAMES

WELL_FOUND_IOU = 0.5
"""A box that overlaps the person's less than this is not theirs."""


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
    facts.estimator = load_estimator(settings, facts.weights, threads=0, concurrency=1)
    seconds = time.monotonic() - started
    asked, got = settings.precision, facts.estimator.traits.precision
    if asked != got:
        message = f"PRECISION={asked}: this processor does not know bfloat16, so both run as PRECISION={got}"
        return Finding("warn", message, "leave PRECISION away, or use another machine")
    on = ", ".join(f"{network} on {device}" for network, device in facts.estimator.devices.items())
    return Finding("ok", f"opened and ran both in {seconds:.1f} s: {on}")


def look_at_person(facts: Facts) -> Finding:
    """What do the networks see in a picture of one plainly visible person?"""
    if facts.estimator is None:
        return Finding("skip", "the networks are not open")
    if facts.settings.mode == "figures" and not (facts.settings.det_model or facts.settings.pose_model):
        return Finding("skip", "MODE=figures recognizes drawn figures only")
    poses = facts.estimator.calibration.apply(facts.estimator.estimate(read_picture()))
    colors, unit = facts.estimator.traits.colors.upper(), facts.estimator.unit_in_words
    told = f"score unit {unit}, colors {colors}"
    if facts.settings.score_calibration:
        told += f", {facts.estimator.calibration.in_words}"
    overlaps = ious(poses.xyxy, np.array(PERSON_XYXY, np.float32))
    if overlaps.max(initial=0) < WELL_FOUND_IOU:
        message = f"{len(poses)} boxes, and none around the person in the picture; {told}"
        return Finding("warn", message, "see docs/weights.md: is DET_MODEL a detector of people?")
    threshold = facts.settings.confidence_threshold
    count = int((poses.scores[int(np.argmax(overlaps))] >= threshold).sum())
    others = f" and {len(poses) - 1} other boxes" if len(poses) > 1 else ""
    message = f"1 person{others}, {count} of {len(NAMES)} points over the threshold of {threshold:g}, {told}"
    if not count:
        return Finding("warn", message, "see docs/weights.md: POSE_COLORS and POSE_SCORE_UNIT may be wrong")
    if count == len(NAMES) and threshold > 0:
        cure = "the person's feet are outside the picture: raise CONFIDENCE_THRESHOLD or POSE_SCORE_UNIT"
        return Finding("warn", message, cure)
    return Finding("ok", message)


OF_THIS_MACHINE = (
    Check("weights", look_at_weights, ("settings",), "correct the setting"),
    Check("device", look_at_device, ("weights",), "see docs/gpu.md and docs/weights.md"),
    Check("a person", look_at_person, ("device",), "see docs/weights.md"),
)
