"""Any labeling config is read or refused: in little time, without a file or an address being opened."""

import contextlib
import os
import threading
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given

from tests.fuzz import heavy, scale
from tests.fuzz.harness import Harness
from tests.fuzz.labeling_configs import CONFIGS, GOOD, attacks
from tests.fuzz.strategies import as_json
from tests.http_server import ScriptedServer
from wholebody.errors import LabelingConfigError
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config

PARSER, SETUP = "labeling config, parser", "labeling config, /setup"
MAX_MESSAGE_CHARS = 1000
SECRET = "left_wrist"


def read(harness: Harness, xml: object) -> LabelingConfig | None:
    """Parse as a case."""
    scale.ran[PARSER] += 1
    with harness.case():
        try:
            return parse_labeling_config(xml)
        except LabelingConfigError as error:
            assert "\n" not in str(error) and len(str(error)) < MAX_MESSAGE_CHARS
            return None


@scale.cases(PARSER)
@given(xml=CONFIGS)
def test_any_config_is_read_or_refused(harness: Harness, xml: str) -> None:
    config = read(harness, xml)
    assert config is None or config.targets


@scale.cases(SETUP)
@given(xml=CONFIGS)
def test_any_config_is_taken_or_refused_by_the_server(harness: Harness, xml: str) -> None:
    response = harness.send(SETUP, "POST", "/setup", data=as_json({"schema": xml}))
    assert response.status_code in (200, 400)
    if response.status_code == 200:  # then tasks can be predicted with it, though their data may lack the image
        tasks = [{}, {"data": {"image": "x", "list": [{"value": "nose"}, "x", {"value": 5}]}}]
        answer = harness.send(SETUP, "POST", "/predict", data=as_json({"tasks": tasks, "label_config": xml}))
        assert answer.status_code == 200


class TellingFile:
    """A pipe in the place of a file, which notes whether anybody opens it, and gives them something to read."""

    def __init__(self, path: Path, content: bytes) -> None:
        os.mkfifo(path)
        self.was_opened = False
        self._path, self._content = path, content
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            try:
                writing = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads
                continue
            self.was_opened = True
            with contextlib.suppress(OSError):
                os.write(writing, self._content)
            os.close(writing)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


@pytest.mark.parametrize("name", attacks("", ""))
def test_no_attack_opens_an_address_or_a_file(
    harness: Harness, server: ScriptedServer, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "secret"
    with TellingFile(path, f'<Label value="{SECRET}"/>'.encode()) as file:
        xml = attacks(f"{server.url}/x.dtd", path.as_uri())[name]
        config = read(harness, xml)
        assert config is None or "<!DOCTYPE" not in xml
        assert SECRET not in str(config)
        for route, key in (("/setup", "schema"), ("/predict", "label_config")):
            response = harness.send(SETUP, "POST", route, data=as_json({key: xml, "tasks": [{}]}))
            assert response.status_code == (400 if config is None else 200)
            assert SECRET not in response.text
    assert (server.requests, file.was_opened) == ([], False)


@pytest.mark.parametrize("name", heavy.LABELING_CONFIGS)
def test_a_large_config_is_read_or_refused_in_time(harness: Harness, people: str, name: str) -> None:
    xml = heavy.labeling_config(name)
    config = read(harness, xml)
    task = {"id": 1, "data": {"image": people}}
    for path, key in (("/setup", "schema"), ("/predict", "label_config")):
        response = harness.send(SETUP, "POST", path, data=as_json({key: xml, "tasks": [task]}))
        assert response.status_code == (400 if config is None else 200)
        assert len(response.get_data()) < 5_000_000
    parse_labeling_config.cache_clear()


def test_thousands_of_labels_are_no_reason_to_refuse(harness: Harness) -> None:
    config = read(harness, heavy.labeling_config("10000 labels"))
    assert config is not None and config.targets[0].keypoints[0].labels == {0: "nose"}
    assert read(harness, GOOD) is not None
