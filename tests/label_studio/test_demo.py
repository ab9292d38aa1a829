"""`make demo`, to its end: the line that it prints evaluates what somebody corrected."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.label_studio import EMAIL, PASSWORD
from demo.label_studio_admin import LabelStudioAdmin

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.thorough


@pytest.fixture
def said(label_studio_venv: Path, tmp_path: Path) -> Iterator[str]:
    """What a running demo has said."""
    command = [sys.executable, "-m", "demo", "--folder", str(tmp_path / "demo")]
    demo = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert demo.stdout
    lines: list[str] = []
    try:
        while not (lines and lines[-1].startswith("Ctrl-C")):
            line = demo.stdout.readline()
            assert line, f"the demo ended: {''.join(lines)}"
            lines.append(line)
        yield "".join(lines)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=60)


def test_its_last_line_evaluates_what_was_corrected(said: str, tmp_path: Path) -> None:
    url, project = re.findall(r"Open +(http://[\d.:]+)/projects/(\d+)/", said)[0]
    admin = LabelStudioAdmin(url, EMAIL, PASSWORD)
    admin.log_in()
    task = min(int(one["id"]) for one in admin.tasks(int(project)))
    (prediction,) = admin.predictions(task)
    admin.annotate(task, prediction["result"][1:])

    (line,) = re.findall(r"^ +(LABEL_STUDIO_URL=.*?evaluate .*?)$", said, re.MULTILINE | re.DOTALL)
    (report,) = re.findall(r"open (\S+report\.html)", said)
    assert "eyJ" not in said, "the token was printed"
    done = subprocess.run(
        line,
        shell=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "% of the points were left where they were predicted" in Path(report).read_text()
