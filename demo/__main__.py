"""`make demo`: a real Label Studio with a project, its images, the backend connected and the prefill done."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import click

from demo.backend import ROOT, BackendServer, environment
from demo.label_studio import EMAIL, PASSWORD, LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin, local_file_url
from demo.process import StartError, free_port
from wholebody.figures.drawing import write_samples
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import Prompt, write_config

SAMPLES = 6
SEED = 1
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".avif"})
LABEL_STUDIO_PORT, BACKEND_PORT = 8080, 9090

ANNOTATING = Path("docs", "annotating.md")

MODEL_VARIABLES = (
    "BACKEND_TYPE",
    "DEVICE",
    "MODEL_DIR",
    "DET_INPUT_SIZE",
    "POSE_INPUT_SIZE",
    "POSE_COLORS",
    "POSE_SCORE_UNIT",
    "SCORE_CALIBRATION",
)
MODEL_FILES = ("DET_MODEL", "POSE_MODEL")

READY = """
Label Studio is ready.

  1. Open       {task_url}
     Log in as  {email}
     Password   {password}
  2. This last task has no prediction yet: the backend makes it while the task opens.
     Click a point to select its region; drag it to correct it; Submit when the task is right.
  3. To add a person: switch on Auto-Annotation, at the bottom; click the pink tool, the last beside the picture;
     draw a box around the person; click the green tick. More: {annotating}
  4. The other {filled} tasks were filled by the prefill: {project_url}
  5. When you have corrected and submitted tasks, see how good the predictions were. In another terminal:

{evaluate}

     Then open {report} in a browser.

Backend     {backend_url}  (log: {backend_log})
Everything  {folder}
Ctrl-C stops all of it.
"""


@click.command()
@click.option("--images", envvar="IMAGES", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--mode", envvar="MODE", help="figures by default; with --images: balanced.")
@click.option("--folder", default=ROOT / ".demo", type=click.Path(path_type=Path), show_default=True)
@click.option("--exit-when-ready", is_flag=True, help="Stop everything once it is ready (for the tests).")
def main(images: Path | None, mode: str | None, folder: Path, exit_when_ready: bool) -> None:
    """Start everything, fill a project, and wait for Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = folder.resolve()
    files = _samples(folder) if images is None else _photographs(images)
    mode = mode or ("figures" if images is None else "balanced")
    try:
        _run(folder, files, mode, exit_when_ready)
    except StartError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        click.echo("\nStopped.")


def _run(folder: Path, files: list[Path], mode: str, exit_when_ready: bool) -> None:
    click.echo("Starting Label Studio ...")
    label_studio = LabelStudioServer(
        folder / "label-studio", files[0].parent.parent, _port(LABEL_STUDIO_PORT), legacy_tokens=False
    )
    with label_studio:
        admin = label_studio.admin()
        settings = _settings(label_studio.url, admin.personal_access_token(), mode)
        click.echo(f"Starting the backend (MODE={mode}) ...")
        with BackendServer(settings, folder / "backend.log", _port(BACKEND_PORT)) as backend:
            project = _make_project(admin, files[:-1])
            admin.connect_backend(project, backend.url, is_interactive=True)
            click.echo(f"Filling {len(files) - 1} of {len(files)} tasks: wholebody prefill ...")
            _prefill(settings, project, folder)
            (last,) = admin.import_tasks(project, [{"image": _local_url(files[-1])}])
            project_url = f"{label_studio.url}/projects/{project}/data"
            evaluation = folder / f"evaluation-{project}"
            click.echo(
                READY.format(
                    task_url=f"{project_url}?task={last}",
                    project_url=project_url,
                    email=EMAIL,
                    password=PASSWORD,
                    filled=len(files) - 1,
                    annotating=ANNOTATING,
                    evaluate=_evaluate_command(label_studio, project, evaluation),
                    report=evaluation / "report.html",
                    backend_url=backend.url,
                    backend_log=backend.log_path,
                    folder=folder,
                )
            )
            while not exit_when_ready:
                time.sleep(1)


def _samples(folder: Path) -> list[Path]:
    samples = folder / "files" / "figures"
    samples.mkdir(parents=True, exist_ok=True)
    return write_samples(samples, SAMPLES, SEED)


def _photographs(images: Path) -> list[Path]:
    files = sorted(path for path in images.resolve().iterdir() if path.suffix.lower() in SUFFIXES)
    if len(files) < 2:
        raise click.ClickException(f"IMAGES={images}: needs two images at least ({', '.join(sorted(SUFFIXES))})")
    return files


def _settings(label_studio_url: str, token: str, mode: str) -> dict[str, str]:
    """The backend's and the prefill's settings; the user's own weights and device are handed on."""
    own = {name: os.environ[name] for name in MODEL_VARIABLES if os.environ.get(name)}
    for name in MODEL_FILES:
        value = os.environ.get(name)
        if value:
            own[name] = value if "://" in value else str(Path(value).expanduser().resolve())
    return own | {"LABEL_STUDIO_URL": label_studio_url, "LABEL_STUDIO_API_TOKEN": token, "MODE": mode}


def _make_project(admin: LabelStudioAdmin, files: list[Path]) -> int:
    title = f"Whole-body poses {datetime.now():%Y-%m-%d %H:%M:%S}"
    project = admin.create_project(title, write_config(tuple(Part), prompt=Prompt.BOTH))
    admin.add_local_storage(project, files[0].parent)
    admin.import_tasks(project, [{"image": _local_url(path)} for path in files])
    return project


def _local_url(path: Path) -> str:
    return local_file_url(Path(path.parent.name) / path.name)


def _prefill(settings: Mapping[str, str], project: int, folder: Path) -> None:
    command = [sys.executable, str(ROOT / "create_predictions.py"), "--project", str(project)]
    options = ["--limit", "all", "--delay", "0"]
    done = subprocess.run([*command, *options], cwd=folder, env=environment(settings), check=False)
    if done.returncode > 1:
        raise StartError(f"the prefill ended with code {done.returncode}")


def _evaluate_command(label_studio: LabelStudioServer, project: int, out: Path) -> str:
    """A line for a shell, which works in any folder; the token is not printed."""
    token, wholebody = label_studio.token_file, Path(sys.executable).with_name("wholebody")
    parts = [
        f"LABEL_STUDIO_URL={label_studio.url}",
        f'LABEL_STUDIO_API_TOKEN="$(cat {shlex.quote(str(token))})"',
        f"{shlex.quote(str(wholebody))} evaluate --project {project} --out {shlex.quote(str(out))}",
    ]
    return " \\\n".join(f"{' ' * (5 if part is parts[0] else 7)}{part}" for part in parts)


def _port(usual: int) -> int:
    """The usual port if nothing has it, else a free one."""
    with socket.socket() as probe:
        return usual if probe.connect_ex(("127.0.0.1", usual)) else free_port()


if __name__ == "__main__":
    main(prog_name="python -m demo")
