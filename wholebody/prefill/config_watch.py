"""Notices that the labeling config of a project was changed while a run fills it."""

import time

from wholebody.errors import ConfigChangedError, GoneError, LabelingConfigError, LabelStudioError
from wholebody.label_studio.client import LabelStudioClient, Project
from wholebody.labeling.labeling_config import parse_labeling_config

LOOK_EVERY_S = 10.0
"""A look takes Label Studio as long as a write, 0.04 to 0.08 s."""


class ConfigWatch:
    """Compares a project's labeling config with that of the run's start.

    What does not change the controls and labels that are filled, such as a color, is no change.

    Args:
        client: Label Studio.
        project: The project as it was at the start.
    """

    def __init__(self, client: LabelStudioClient, project: Project) -> None:
        self._client = client
        self._project = project
        self._looked_at = float("-inf")

    def look_now_and_then(self) -> None:
        """As `look`, unless the last look was a moment ago. Where Label Studio cannot be asked, it is not looked."""
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        try:
            self.look()
        except GoneError:
            raise
        except LabelStudioError:  # the write that follows meets it too, and knows what to do
            pass

    def look(self) -> None:
        """Compare.

        Raises:
            ConfigChangedError: It is another, or has nothing to fill any more.
            LabelStudioError: It cannot be read.
        """
        self._looked_at = time.monotonic()
        before, now = self._project.label_config, self._client.project(self._project.id).label_config
        if now == before:
            return
        try:
            changed = parse_labeling_config(now) != parse_labeling_config(before)
        except LabelingConfigError as error:
            raise ConfigChangedError(f"{self._what()}: {error}") from None
        if changed:
            raise ConfigChangedError(
                f"{self._what()}; run again with --replace, so that predictions under names that it lacks are made anew"
            )

    def _what(self) -> str:
        return f"the labeling config of project {self._project.id} was changed during the run"
