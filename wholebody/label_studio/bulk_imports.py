"""Whether a Label Studio takes the predictions of many tasks in one call. Asked without storing anything."""

from wholebody.errors import AuthenticationError, GoneError, LabelStudioError, SettingsError, UnavailableError
from wholebody.label_studio.predictions import BULK_PATH
from wholebody.label_studio.transport import Transport

FLAG = "fflag_fix_back_4620_memory_efficient_predictions_import_08012025_short"
"""With it, a call costs what it stores. Without, it counts all predictions of all tasks of the project: in a project
of a million tasks it fails after it has stored everything."""

NO_SUCH_TASK = 0
_ANSWER = f"task ID {NO_SUCH_TASK} not found in project"
"""How a prediction for a task that is not there is refused with the flag; without, in other words."""


def check_bulk(transport: Transport, project_id: int) -> None:
    """Refuse a Label Studio that was not started for it.

    Raises:
        SettingsError: It was not.
        LabelStudioError: It does not say.
    """
    said = "it takes predictions for tasks that are not there"
    try:
        transport.write("POST", BULK_PATH.format(project_id), [{"task": NO_SUCH_TASK}])
    except (AuthenticationError, GoneError, UnavailableError):
        raise
    except LabelStudioError as error:
        said = str(error)
    if _ANSWER not in said:
        raise SettingsError(
            f"--bulk needs Label Studio 1.21 or later, started with {FLAG}=true in its environment; leave --bulk out, "
            f"or start it so ({said})"
        )
