"""An annotator who draws something gets the very next run of the network, whatever else is being done."""

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest

import model
from model import WholebodyBackend, load_annotator
from tests.process.test_turns import until
from wholebody.errors import ClientGoneError
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.process.calls import AHEAD, Call, Priority, current_call

CONFIG = write_config([Part.BODY])
WHITE = cv2.imencode(".png", np.full((100, 100, 3), 255, np.uint8))[1].tobytes()
BOX = {"x": 10, "y": 10, "width": 50, "height": 80, "rotation": 0}
DRAWN = {"result": [{"type": "rectangle", "from_name": "prompt_box", "to_name": "img", "value": BOX}]}


def task(number: int) -> dict[str, Any]:
    return {"id": number, "data": {"image": "data:image/png;base64," + base64.b64encode(WHITE).decode()}}


class Runs:
    """The runs of both networks: for whom they were; the first waits until it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        estimator = load_annotator()._estimator
        self.turns = estimator._turns
        self.priorities: list[Priority] = []
        self.go_on = threading.Event()
        for network in (estimator._detector, estimator._pose):
            monkeypatch.setattr(network, "run", self._recording(network.run))

    def _recording(self, run: Any) -> Any:
        def recorded(*args: Any) -> Any:
            self.priorities.append(current_call().priority)
            assert self.go_on.wait(20)
            return run(*args)

        return recorded

    def wait_for(self, waiting: int) -> None:
        until(lambda: len(self.turns._waiting) == waiting)


@pytest.fixture
def runs(_isolated: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runs]:
    monkeypatch.setenv("MODE", "figures")
    load_annotator.cache_clear()
    yield Runs(monkeypatch)
    for shared in (load_annotator, model.shared_openings, model.shared_pool):
        shared.cache_clear()


def predict(call: Call, tasks: list[dict[str, Any]], context: Any = None) -> list[Any]:
    with call.current():
        return WholebodyBackend(label_config=CONFIG).predict(tasks, context=context)


def test_a_prompt_gets_the_next_run_and_a_single_task_the_one_after(runs: Runs) -> None:
    with ThreadPoolExecutor(3) as clients:
        selection = clients.submit(predict, Call(Priority.SELECTION), [task(number) for number in range(50)])
        runs.wait_for(AHEAD - 1)
        opening = clients.submit(predict, Call(Priority.OPENING), [task(100)])
        runs.wait_for(AHEAD)
        prompt = clients.submit(predict, Call(Priority.PROMPT), [task(101)], DRAWN)
        runs.wait_for(AHEAD + 1)
        runs.go_on.set()
        assert [len(call.result()) for call in (selection, opening, prompt)] == [50, 1, 1]
    assert runs.priorities[:4] == [Priority.SELECTION, Priority.PROMPT, Priority.OPENING, Priority.SELECTION]


@pytest.mark.parametrize(("tasks", "context"), [(1, DRAWN), (1, None), (50, None)])
def test_whose_client_has_left_costs_no_more_than_what_is_begun(runs: Runs, tasks: int, context: Any) -> None:
    with pytest.raises(ClientGoneError):
        predict(Call(gone=lambda: True), [task(number) for number in range(tasks)], context)
    runs.go_on.set()
    until(lambda: runs.turns._free == 1)
    assert len(runs.priorities) <= AHEAD
