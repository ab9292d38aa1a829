"""Which model versions the stored predictions of a project are of, as Label Studio counts them."""

from collections.abc import Callable
from typing import Any

from wholebody.errors import LabelStudioError


def count_versions(read: Callable[[str], Any], project_id: int | None) -> dict[str, int]:
    """The model version of each stored prediction of a project, the newest first -> how many there are.

    A version that is only chosen, and of which nothing is stored, is not among them.

    Args:
        read: Asks Label Studio for a path.
        project_id: The project.

    Raises:
        LabelStudioError: Label Studio does not say, or what answers is none.
    """
    counted = read(f"/api/projects/{project_id}/model-versions/")
    if not isinstance(counted, dict):
        raise LabelStudioError("the model versions are not listed as Label Studio does it; check LABEL_STUDIO_URL")
    return {str(version): count for version, count in counted.items() if isinstance(count, int) and count}
