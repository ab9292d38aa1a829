"""The commands as a person types them: in processes of their own, with real signals and the model pair for figures."""

import base64
import fcntl
import os
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

from tests.fake_label_studio import (
    LEGACY_TOKEN,
    LOST,
    PERSONAL_TOKEN,
    PREDICTIONS,
    PROJECT,
    REFRESH,
    RESET,
    TASKS,
    FakeLabelStudio,
    Fault,
    http,
)
from tests.prefill_runner import settings_for
from wholebody.__main__ import main
from wholebody.figures.drawing import draw_figures
from wholebody.labeling.config_writer import parse_parts, write_config

ROOT = Path(__file__).resolve().parents[2]
MODULE, SCRIPT = ["-m", "wholebody", "prefill"], [str(ROOT / "create_predictions.py")]
HEAVY = ("numpy", "cv2", "onnxruntime", "requests", "pydantic", "lxml", "rtmlib", "tqdm", "tenacity", "flask")


@pytest.fixture(scope="module")
def picture() -> str:
    """A figure as a data URI."""
    done, png = cv2.imencode(".png", draw_figures(1, 7, (320, 400)).bgr)
    assert done
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode()


@pytest.fixture
def fake(picture: str) -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as running:
        running.add_tasks(*range(1, 9), image=picture)
        yield running


@contextmanager
def started(
    fake: FakeLabelStudio,
    cwd: Path,
    command: list[str] = MODULE,
    terminal: int | None = None,
    before: Callable[[], object] | None = None,
    **variables: str,
) -> Iterator[subprocess.Popen[str]]:
    """The prefill in a process, in a folder of its own; it is ended at the end.

    Args:
        fake: Has the tasks.
        cwd: The folder.
        command: What Python runs.
        terminal: Its input and output, instead of pipes; one that controls it.
        before: Called in the process before the program is.
        variables: Of the environment.
    """

    def prepare() -> None:
        if terminal is not None:
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        if before:
            before()

    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "MODE": "figures",
    }
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=cwd,
        env=environment | settings_for(fake) | variables,
        stdin=terminal,
        stdout=terminal or subprocess.PIPE,
        stderr=terminal or subprocess.PIPE,
        start_new_session=terminal is not None,
        preexec_fn=prepare,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def run(fake: FakeLabelStudio, cwd: Path, command: list[str] = MODULE, **variables: str) -> tuple[int, str, str]:
    with started(fake, cwd, command, **variables) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def read_until(closing: threading.Event, terminal: int) -> None:
    while not closing.is_set():
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 1 << 16)


def wait_for_posts(fake: FakeLabelStudio, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(fake.posts()) < count:
        assert time.monotonic() < deadline, f"{len(fake.posts())} writes, not {count}"
        time.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupt_finishes_the_write_in_hand_and_another_run_the_rest(
    fake: FakeLabelStudio, tmp_path: Path, number: signal.Signals
) -> None:
    fake.fail("POST", PREDICTIONS, None, None, Fault(delay_s=0.5))
    with started(fake, tmp_path) as process:
        wait_for_posts(fake, 3)
        time.sleep(0.1)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == "Predicted 3 (0 empty), skipped 0, failed 0.\nInterrupted; run again to go on.\n"
    assert "\nstopping after the write in hand; press Ctrl-C again to stop at once\n" in err
    assert "Traceback" not in err
    assert len(fake.predictions) == 3
    assert fake.project["model_version"] == fake.predictions[0]["model_version"]
    code, out, err = run(fake, tmp_path)
    assert (code, out) == (0, "Predicted 5 (0 empty), skipped 3, failed 0.\n")
    assert fake.predicted() == [*range(1, 9)]
    assert all(one["result"] for one in fake.predictions)


@pytest.mark.parametrize("more", [0, 1], ids=["the system's SIGHUP", "another from the shell"])
def test_a_closed_terminal_ends_it_as_an_interrupt_does(fake: FakeLabelStudio, tmp_path: Path, more: int) -> None:
    """Neither output can be written to any more, either."""
    fake.fail("POST", PREDICTIONS, None, None, Fault(delay_s=0.5))
    terminal, its_end = os.openpty()
    closing = threading.Event()
    reader = threading.Thread(target=read_until, args=(closing, terminal))
    with started(fake, tmp_path, terminal=its_end) as process:
        os.close(its_end)
        reader.start()
        wait_for_posts(fake, 3)
        time.sleep(0.1)
        closing.set()
        reader.join()  # a read that goes on would keep it open
        os.close(terminal)
        for _ in range(more):
            process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 130
    assert len(fake.predictions) == 3
    code, out, _ = run(fake, tmp_path)
    assert (code, out) == (0, "Predicted 5 (0 empty), skipped 3, failed 0.\n")


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_streams_change_no_exit_code(fake: FakeLabelStudio, tmp_path: Path, closed: tuple[int, ...]) -> None:
    with started(fake, tmp_path, before=lambda: [os.close(number) for number in closed]) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert fake.predicted() == [*range(1, 9)]


def test_nohup_lets_it_go_on(fake: FakeLabelStudio, tmp_path: Path) -> None:
    fake.fail("POST", PREDICTIONS, None, Fault(delay_s=0.5))
    with started(fake, tmp_path, before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
        wait_for_posts(fake, 2)
        process.send_signal(signal.SIGHUP)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "Predicted 8 (0 empty), skipped 0, failed 0.\n")
    assert "stopping" not in err


def test_second_interrupt_ends_at_once_and_doubles_nothing_later(fake: FakeLabelStudio, tmp_path: Path) -> None:
    fake.add_tasks(3, image=f"{fake.url}/slow.png")
    fake.fail("GET", "/slow.png", Fault(delay_s=30))  # an image in work does not hold it up
    fake.fail("POST", PREDICTIONS, None, Fault(delay_s=30))
    with started(fake, tmp_path) as process:
        wait_for_posts(fake, 2)
        process.send_signal(signal.SIGINT)
        assert process.stderr
        while "press Ctrl-C again" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
    fake.add_tasks(3, image=fake.tasks[1]["data"]["image"])
    code, out, _ = run(fake, tmp_path)
    assert (code, out) == (0, "Predicted 6 (0 empty), skipped 2, failed 0.\n")
    assert fake.predicted() == [*range(1, 9)]


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", PROJECT, ""),
        ("POST", PREDICTIONS, "Predicted 0 (0 empty), skipped 0, failed 0.\nInterrupted; run again to go on.\n"),
    ],
)
def test_interrupt_ends_a_long_wait(fake: FakeLabelStudio, tmp_path: Path, method: str, path: str, said: str) -> None:
    fake.fail(method, path, http(503, "600"))
    with started(fake, tmp_path) as process:
        assert process.stderr
        while "repeated in 600.0 s" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, said)
    assert len(fake.asked(method, path)) == 1
    assert fake.predicted() == []


@pytest.mark.parametrize("command", [MODULE, SCRIPT], ids=["module", "script"])
def test_one_bad_image_and_lost_answers_among_real_ones(
    fake: FakeLabelStudio, tmp_path: Path, command: list[str]
) -> None:
    fake.add_tasks(5, image="data:image/png;base64,bm8gcGljdHVyZQ==")
    fake.fail("POST", PREDICTIONS, LOST, http(503), None, http(502))
    code, out, _ = run(fake, tmp_path, command)
    assert code == 1
    assert out.startswith("Predicted 7 (0 empty), skipped 0, failed 1.\n  1 x ")
    assert fake.predicted() == [1, 2, 3, 4, 6, 7, 8]
    assert '"task":5' in (tmp_path / "prefill-failures.jsonl").read_text()


@pytest.mark.parametrize("token", [LEGACY_TOKEN, PERSONAL_TOKEN], ids=["legacy", "personal"])
def test_token_appears_in_no_output(fake: FakeLabelStudio, tmp_path: Path, token: str) -> None:
    fake.fail("GET", PROJECT, http(503), RESET)
    fake.fail("POST", REFRESH, http(503))
    fake.fail("GET", TASKS, http(500), RESET)
    fake.fail("POST", PREDICTIONS, LOST, http(429, "0"), *[http(404)] * 3)
    tokens = {token}

    def refuse_later(request: object) -> None:
        tokens.update(fake.access_tokens)
        if len(fake.predictions) == 3:
            fake.legacy_enabled, fake.revoked = False, True
            fake.access_tokens.clear()

    fake.before = refuse_later
    code, out, err = run(fake, tmp_path, LOG_LEVEL="DEBUG", LABEL_STUDIO_API_TOKEN=token)
    assert code == 1
    assert "Stopped early: Label Studio " in out
    assert "repeated in" in err
    written = out + err + "".join(path.read_text() for path in tmp_path.iterdir())
    assert len(tokens) == (1 if token == LEGACY_TOKEN else 2)
    assert [secret for secret in tokens for part in secret.split(".") if part in written] == []


@pytest.mark.parametrize("command", [["prefill"], ["config"], []])
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys\n"
        "from wholebody.__main__ import main\n"
        f"main([*{command!r}, '--help'], standalone_mode=False)\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: ")
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_script_has_the_same_options() -> None:
    def options(command: list[str]) -> str:
        done = subprocess.run(
            [sys.executable, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return done.stdout.partition("\n")[2]

    assert options(SCRIPT) == options(MODULE)
    assert "--dry-run" in options(SCRIPT)


def test_config_prints_a_labeling_config() -> None:
    done = CliRunner().invoke(main, ["config", "--parts", "body,feet"])
    assert (done.exit_code, done.stdout.strip()) == (0, write_config(parse_parts("body,feet")).strip())


def test_error_of_a_command_is_one_line() -> None:
    done = CliRunner().invoke(main, ["config", "--parts", "arms"])
    message = "error: parts 'arms': no such part 'arms'; choose from body, feet, face, left_hand, right_hand\n"
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", message)


def test_ctrl_c_before_the_command_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wholebody.settings.load_settings", interrupted)
    done = CliRunner().invoke(main, ["prefill"])
    assert (done.exit_code, done.output) == (130, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--limit", "some"], "TASK_LIMIT='some': must be a number of tasks or all"),
        (["--delay", "-1"], "REQUEST_DELAY"),
    ],
)
def test_wrong_option(options: list[str], message: str) -> None:
    done = CliRunner().invoke(main, ["prefill", *options])
    assert done.exit_code == 2
    assert re.match(f"^error: {re.escape(message)}", done.stderr)
