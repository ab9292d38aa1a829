"""Predictions by real workers of Dask: started here, and by a scheduler with its workers."""

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import Open, tasks_of
from tests.cluster.processes import DaskProcesses, dask_processes, free_port
from tests.fake_label_studio import LEGACY_TOKEN
from wholebody.cluster import roster
from wholebody.cluster.predictor import DIED
from wholebody.errors import ClusterError, ImageError, ModelError, UnavailableError, WholebodyError

pytestmark = pytest.mark.usefixtures("_quick")


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "LOOK_EVERY_S", 0.1)


def outcomes(predicted: Iterator[Any]) -> dict[int, Any]:
    """Task id -> what came of it; each once."""
    found = [(task["id"], outcome) for task, outcome in predicted]
    assert max(Counter(number for number, _ in found).values()) == 1
    return dict(found)


def test_workers_started_here_predict_each_task_once_and_go_on_when_one_is_killed(opened: Open) -> None:
    images = ["missing", "empty", "unavailable", "bug 1"] + ["sleep 0.01"] * 196
    with opened(workers=2) as predictor:
        assert predictor.model_version == "stub-1"
        found = {}
        for task, outcome in predictor.predict(iter(tasks_of(*images))):
            if len(found) == 60:
                os.kill(_a_worker_of(predictor), signal.SIGKILL)
            assert task["id"] not in found
            found[task["id"]] = outcome
    assert sorted(found) == list(range(1, 201))
    failed = {number: one for number, one in found.items() if isinstance(one, Exception)}
    assert {number: type(one) for number, one in failed.items() if number != 4} == {
        1: ImageError,
        3: UnavailableError.__subclasses__()[0],
    }
    assert str(failed[1]) == "1.png: not found"
    assert type(failed[4]) is WholebodyError and "unexpected KeyError on a worker" in str(failed[4])
    assert found[2]["result"] == [] and found[200]["result"] == [{"id": "200"}]


def _a_worker_of(predictor: Any) -> int:
    pids: dict[str, int] = predictor._client.run(os.getpid)
    return next(iter(pids.values()))


def test_the_token_never_travels(opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that client, scheduler and workers say to each other goes through a relay that keeps it."""
    with dask_processes(tmp_path / "dask") as dask, _relay(dask.address) as (address, heard):
        variables = {"LABEL_STUDIO_URL": "http://127.0.0.1:1", "LABEL_STUDIO_API_TOKEN": LEGACY_TOKEN}
        dask.add_worker(address=address, **variables)
        images = ["bug 1", "missing", "unavailable", *["empty"] * 30]
        with opened(address, label_studio_url="http://127.0.0.1:1", label_studio_api_token=LEGACY_TOKEN) as predictor:
            assert len(outcomes(predictor.predict(iter(tasks_of(*images))))) == len(images)
        said = b"".join(heard)
        assert b"predict_chunk" in said and b"unexpected KeyError on a worker" in said  # it was listened to
        for secret in (LEGACY_TOKEN, LEGACY_TOKEN[::-1]):
            assert secret.encode() not in said
        assert LEGACY_TOKEN not in dask.log()


@contextmanager
def _relay(address: str) -> Iterator[tuple[str, list[bytes]]]:
    """Another address for a scheduler, and what went through."""
    port, heard, sockets = int(address.rpartition(":")[2]), list[bytes](), list[socket.socket]()
    listener = socket.create_server(("127.0.0.1", 0))

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        try:
            while content := source.recv(1 << 16):
                heard.append(content)
                target.sendall(content)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def accept() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", port))
            sockets.extend((near, far))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=pass_on, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}", heard
    finally:
        for one in (listener, *sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.mark.thorough
def test_a_worker_that_joins_gets_the_model_and_tasks(opened: Open, tmp_path: Path) -> None:
    with dask_processes(tmp_path / "dask", workers=1) as dask, opened(dask.address) as predictor:
        found, seen = 0, set()
        for _task, _ in predictor.predict(iter(tasks_of(*["sleep 0.02"] * 400))):
            found += 1
            if found == 20:
                dask.add_worker()
            seen.add(predictor.workers)
        assert (found, seen) == (400, {1, 2})


@pytest.mark.thorough
def test_workers_that_cannot_predict_are_named_and_not_used(
    opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trouble = "DET_MODEL=/w/d.onnx: no such file"
    with dask_processes(tmp_path / "dask", workers=1) as dask:
        dask.add_worker(STUB_TROUBLE=trouble)
        _wait_for_workers(dask, 2)
        with opened(dask.address) as predictor:
            assert predictor.workers == 1
            lines = [record.getMessage() for record in caplog.records if "not used" in record.getMessage()]
            assert len(lines) == 1 and lines[0].endswith(f"is not used: {trouble}")
            dask.add_worker(STUB_VERSION="stub-2")
            for _ in range(100):
                found = outcomes(predictor.predict(iter(tasks_of("empty"))))
                if "the model stub-2" in caplog.text:
                    break
                time.sleep(0.2)
            assert not isinstance(found[1], Exception)
            assert predictor.workers == 1
        assert "it has the model stub-2, the others have stub-1; give all workers the same weights" in caplog.text


@pytest.mark.thorough
def test_a_run_does_not_start_with_workers_of_two_models_or_none(opened: Open, tmp_path: Path) -> None:
    with dask_processes(tmp_path / "dask") as dask:
        dask.add_worker(STUB_TROUBLE="no weights")
        with pytest.raises(ClusterError, match=r"no worker can predict: no weights"), opened(dask.address):
            pass
        dask.add_worker()
        dask.add_worker(STUB_VERSION="stub-2")
        _wait_for_workers(dask, 3)
        message = (
            r"worker tcp://\S+ on \S+ has the model stub-\d, 1 of 2 have stub-\d; give all workers the same weights"
        )
        with pytest.raises(ClusterError, match=message), opened(dask.address):
            pass


def _wait_for_workers(dask: DaskProcesses, count: int) -> None:
    from distributed import Client

    with Client(dask.address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=30)


@pytest.mark.thorough
@pytest.mark.parametrize("comes_back", [False, True])
def test_a_scheduler_that_goes_ends_the_run_with_what_to_do(opened: Open, tmp_path: Path, comes_back: bool) -> None:
    with dask_processes(tmp_path / "dask", workers=1) as dask:
        begun = time.monotonic()
        with (
            opened(dask.address) as predictor,
            pytest.raises(ClusterError, match=r"is gone or was started anew; when it has workers, run again to go on"),
        ):
            for number, _ in enumerate(predictor.predict(iter(tasks_of(*["sleep 0.05"] * 1000)))):
                if number == 3:
                    dask.restart_scheduler() if comes_back else dask.scheduler.kill()
        assert time.monotonic() - begun < 60


@pytest.mark.thorough
def test_nobody_there(opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from wholebody.cluster import connecting

    monkeypatch.setattr(connecting, "CONNECT_S", 1.0)
    monkeypatch.setattr(roster, "FIRST_WORKER_S", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"
    with (
        pytest.raises(ClusterError, match=rf"no Dask scheduler can be used at {address} \(.*dask scheduler"),
        opened(address),
    ):
        pass
    with (
        dask_processes(tmp_path / "dask") as dask,
        pytest.raises(ClusterError, match=r"no worker within 0.5 s; start some with `dask worker tcp://"),
        opened(dask.address),
    ):
        pass


def test_packages_are_compared_before_anything_runs(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wholebody.cluster import connecting, packages

    with dask_processes(tmp_path / "dask", workers=1) as dask:
        real = packages.installed_versions()
        for name, theirs in real.items():
            monkeypatch.setattr(connecting, "installed_versions", lambda other=name: real | {other: "1.2"})
            message = (
                rf"the scheduler \({dask.address}\) has {name} {theirs} \(here 1.2\); start scheduler, workers and"
            )
            with pytest.raises(ClusterError, match=message), opened(dask.address):
                pass
        assert "Starting Worker plugin wholebody" not in dask.log()


@pytest.mark.thorough
@pytest.mark.parametrize("nanny", [True, False])
def test_a_task_that_kills_workers_fails_alone(
    opened: Open, tmp_path: Path, nanny: bool, caplog: pytest.LogCaptureFixture
) -> None:
    images = ["sleep 0.01"] * 300
    images[70] = "kill"
    with dask_processes(tmp_path / "dask") as dask:
        for _ in range(2 if nanny else 6):
            dask.add_worker(nanny=nanny)
        _wait_for_workers(dask, 2 if nanny else 6)
        with opened(dask.address) as predictor:
            found = outcomes(predictor.predict(iter(tasks_of(*images))))
        deaths = sum(process.poll() is not None for process in dask.workers)
    assert {number: str(one) for number, one in found.items() if isinstance(one, Exception)} == {71: DIED}
    assert isinstance(found[71], ModelError)
    assert len(found) == 300
    assert deaths == (0 if nanny else 4)


@pytest.mark.thorough
def test_a_worker_that_is_cut_off_loses_its_tasks_to_the_others(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "5 s")
    with dask_processes(tmp_path / "dask", workers=2) as dask:
        _wait_for_workers(dask, 2)
        found = set()
        with opened(dask.address) as predictor:
            for task, outcome in predictor.predict(iter(tasks_of(*["sleep 0.02"] * 300))):
                assert not isinstance(outcome, Exception)
                assert task["id"] not in found
                found.add(task["id"])
                if len(found) == 40:
                    dask.workers[0].send_signal(signal.SIGSTOP)
        dask.workers[0].send_signal(signal.SIGCONT)
    assert len(found) == 300


@pytest.mark.thorough
def test_large_tasks_pass(opened: Open) -> None:
    large = "data:image/png;base64," + "A" * 30_000_000
    with opened(workers=1) as predictor:
        found = outcomes(predictor.predict(iter(tasks_of(*[large] * 12))))
    assert [one["result"][0]["id"] for one in found.values()] == [str(number) for number in found]
    assert len(found) == 12
