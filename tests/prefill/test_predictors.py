"""Who predicts: this process, unless a cluster is asked for; only then Dask is there."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.fake_label_studio import FakeLabelStudio
from tests.prefill_runner import COULD_NOT_START, Prefill, settings_for
from wholebody.commands import predictors


def test_without_a_cluster_dask_is_not_even_imported() -> None:
    script = (
        "import sys; from wholebody.commands.predictors import choose_predictor; "
        "from wholebody.settings import Settings; "
        "print(choose_predictor(Settings(), None).__name__, {'dask', 'distributed'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout == "open_threads set()\n"


@pytest.mark.parametrize("options", [("--workers", "2"), ("--scheduler", "tcp://127.0.0.1:8786")])
def test_without_dask_a_line_says_what_to_install(
    prefill: Prefill, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setattr(predictors, "find_spec", lambda name: None)
    result = prefill(*options)
    assert result.exit_code == COULD_NOT_START
    assert "need Dask: pip install --no-deps -r requirements-cluster.txt" in result.output


def test_a_scheduler_that_is_not_there_is_named(fake: FakeLabelStudio) -> None:
    """In a process of its own: Playwright leaves an event loop running in this one, and Dask's client starts one."""
    pytest.importorskip("distributed", reason="no Dask: pip install --no-deps -r requirements-cluster.txt")
    with FakeLabelStudio() as other:
        port = other.url.rpartition(":")[2]
    script = (
        "from wholebody.cluster import connecting; connecting.CONNECT_S = 0.5; from wholebody.__main__ import main; "
        f"main(['prefill', '--scheduler', 'tcp://127.0.0.1:{port}'])"
    )
    variables = os.environ | settings_for(fake) | {"LOG_LEVEL": "ERROR"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == COULD_NOT_START
    assert f"error: no Dask scheduler can be used at tcp://127.0.0.1:{port}" in done.stderr
    assert len((done.stdout + done.stderr).strip().splitlines()) == 1
