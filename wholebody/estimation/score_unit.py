"""The scale of a pose network's raw scores, by what it says of one plainly visible person. Knows no pixels.

Networks are trained to different scales: sure keypoints have a raw score near 1 with RTMPose and DWPose, and of 3 to 8
with the larger RTMW. Only divided by its unit does a score mean the same whatever the network.
"""

import numpy as np

from wholebody.errors import ModelError
from wholebody.poses import Floats

PERCENTILE = 90
USUAL = 0.965
"""This percentile with the network of the test data. Its scores lie between 0 and 1, and even sure ones below 1."""

AS_ONE = (0.8, 1.25)
"""Units between these count as 1, so that scores which are in that unit already stay what rtmlib gives."""

FLOOR = 0.1
"""With less the network sees nobody there. Half of what a network five times as modest as usual says of the person, and
four times what the network of the test data says of noise (0.023). The network for drawn figures says 0."""

DIGITS = 2
"""As many digits of a unit count: processors differ in the seventh, and a unit is part of the model version."""


def find_score_unit(raw: Floats) -> tuple[float, str]:
    """The unit of a pose network's scores, and how it was found, in words.

    Args:
        raw: `(133,)` float32 raw scores on the reference person.

    Raises:
        ModelError: A score is not a number.
    """
    if not np.isfinite(raw).all():
        raise ModelError("on the picture of a person its scores are not numbers; the file is damaged, get it anew")
    measured = float(np.percentile(raw, PERCENTILE)) / USUAL
    if measured < FLOOR:
        return 1.0, f"1, for it sees nobody in the picture of a person ({measured:.2f})"
    if AS_ONE[0] <= measured <= AS_ONE[1]:
        return 1.0, f"1 ({measured:.2f} on the picture of a person)"
    unit = float(f"{measured:.{DIGITS}g}")
    return unit, f"{unit:g}, measured on the picture of a person"
