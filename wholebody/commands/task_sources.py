"""Where the tasks of a command come from: a project, or Label Studio's JSON export. Its options, and its opening.

What it does with them is the command's.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wholebody.commands.option_types import FILE
from wholebody.errors import SettingsError

if TYPE_CHECKING:
    from wholebody.label_studio.client import LabelStudioClient, Project
    from wholebody.labeling.labeling_config import LabelingConfig
    from wholebody.settings import Settings

ALL_WELL, SOMETHING_LEFT_OUT = 0, 1
"""Exit codes; the second with --strict alone."""

Command = Callable[..., Any]

strict_option = click.option("--strict", is_flag=True, help="Exit code 1 if anything was left out.")


def project_option(purpose: str) -> Callable[[Command], Command]:
    """The option --project. It goes before PROJECT_ID, which goes for a command that was given no other source."""
    return click.option("--project", "project_id", type=int, help=f"{purpose} (PROJECT_ID).")


def config_option(help_text: str) -> Callable[[Command], Command]:
    """The option --config, of a command that has no project to ask for its labeling config."""
    return click.option("--config", "config_file", type=FILE, metavar="FILE", help=help_text)


def task_options(purpose: str) -> Callable[[Command], Command]:
    """Options of a command that reads tasks; it gets them as one argument, `source`.

    Args:
        purpose: What --project is, such as "Project to export".
    """
    options = (
        project_option(purpose),
        click.option(
            "--tasks",
            "tasks_file",
            type=FILE,
            metavar="FILE",
            help="Instead: a JSON export of Label Studio, without a server or token.",
        ),
        config_option("With --tasks: the project's labeling config; else labels are read by COCO-WholeBody's names."),
        click.option("--annotator", default="", metavar="EMAIL", help="Only what this annotator submitted."),
    )

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_source(
            project_id: int | None, tasks_file: Path | None, config_file: Path | None, annotator: str, **others: Any
        ) -> Any:
            return command(source=TaskSource(project_id, tasks_file, config_file, annotator), **others)

        decorated: Command = with_source
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


@dataclass(frozen=True, slots=True)
class OpenTasks:
    """Tasks to go through once.

    Attributes:
        tasks: As Label Studio exports them, one at a time.
        total: How many there are, where that is known.
        config: Their labeling config, or `None` where labels are read by their names.
        annotator: Who counts, as the tasks name them; `""` for everybody.
        origin: What they are of: `tasks`, a file's name, or `project` and `title`.
    """

    tasks: Iterable[dict[str, Any]]
    total: int | None
    config: "LabelingConfig | None"
    annotator: str
    origin: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TaskSource:
    """What was said on the command line of where tasks come from.

    Raises:
        SettingsError: What was said contradicts itself.
    """

    project_id: int | None
    tasks_file: Path | None
    config_file: Path | None
    annotator: str

    def __post_init__(self) -> None:
        """Check it before anything is read."""
        if self.tasks_file and self.project_id is not None:
            raise SettingsError("--project and --tasks exclude each other; give one of them")
        if self.config_file and not self.tasks_file:
            raise SettingsError("--config goes with --tasks; a project has its own labeling config")

    def open(self, settings: "Settings", *, annotated: bool = False, otherwise: str = "") -> OpenTasks:
        """The tasks; of a file they are read only as they are gone through.

        Args:
            settings: Those of `load_settings(project_id=self.project_id)`.
            annotated: Ask a project for its annotated tasks alone. A file has all of its tasks.
            otherwise: What could have been given besides a project or a file.

        Raises:
            SettingsError: There is neither a file nor a project.
            LabelStudioError: The project cannot be read.
            DatasetError: The labeling config cannot be read.
        """
        from wholebody.dataset.task_files import read_tasks, read_text
        from wholebody.label_studio.task_queries import TaskQuery
        from wholebody.labeling.labeling_config import parse_labeling_config

        if self.tasks_file:
            config = parse_labeling_config(read_text(self.config_file)) if self.config_file else None
            return OpenTasks(read_tasks(self.tasks_file), None, config, self.annotator, {"tasks": self.tasks_file.name})
        client, project = open_project(settings, "--tasks with a JSON export of Label Studio" + otherwise)
        config, annotator = parse_labeling_config(project.label_config), self.annotator
        query = TaskQuery.annotated() if annotated else TaskQuery()
        if "@" in annotator:
            annotator = str(client.annotator_number(annotator))
        total = client.count_tasks(project.id, query)
        origin = {"project": project.id, "title": project.title}
        return OpenTasks(client.tasks_in_full(project.id, query), total, config, annotator, origin)


def open_project(settings: "Settings", otherwise: str) -> tuple["LabelStudioClient", "Project"]:
    """The project of the settings, and who asks for it.

    Args:
        settings: Address, token and project.
        otherwise: What could have been given instead of a project.

    Raises:
        SettingsError: No project was given.
        LabelStudioError: It cannot be read.
    """
    from wholebody.label_studio.client import LabelStudioClient
    from wholebody.process.stopping import Stop

    if settings.project_id is None:
        raise SettingsError(f"which project? give --project, or {otherwise}")
    client = LabelStudioClient(settings, Stop())
    return client, client.project(settings.project_id)
