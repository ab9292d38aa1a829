"""`model.py` under label-studio-ml 2.x, behind both servers: the answers are those of our own server under 1.0.9."""

import json
import re
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fuzz import heavy
from tests.gunicorn_server import ROOT, WAIT_S, GunicornServer
from tests.test_model import BROKEN, CONFIG, NOBODY, PROMPT, TWO_PEOPLE, task
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

from .conftest import LibraryServer, variables

BODY = write_config([Part.BODY])
HAND = write_config([Part.LEFT_HAND])
SKELETON = write_config(list(Part), skeleton=True)
DECLARED = "\ufeff<?xml version='1.0' encoding='utf-8'?>" + BODY
UNREACHABLE = task(4, "http://127.0.0.1:1/x.jpg")
SETUP_S = 3.0
"""What Label Studio allows /setup."""


def post(server: GunicornServer, path: str, **body: Any) -> requests.Response:
    return requests.post(server.url + path, json=body, timeout=WAIT_S)


def setup(server: GunicornServer, config: str, extra_params: object = None) -> requests.Response:
    sent = {"hostname": "http://localhost:8080", "access_token": "x", "extra_params": extra_params}
    return post(server, "/setup", project="1.1795446367", schema=config, **sent)


def predict(
    server: GunicornServer, tasks: list[dict[str, Any]], config: str, context: object = None, project: str = "1.2"
) -> requests.Response:
    params = {"login": None, "password": None, "context": context}
    return post(server, "/predict", tasks=tasks, project=project, label_config=config, params=params)


def results(answer: requests.Response) -> Any:
    """The predictions, with the places of ids in the text for the ids, which are random."""
    assert answer.status_code == 200, answer.text
    text = json.dumps(answer.json()["results"], sort_keys=True)
    seen: dict[str, str] = {}
    return json.loads(re.sub(r'(?<=[iI][dD]": ")\w+', lambda id_: seen.setdefault(id_[0], f"#{len(seen)}"), text))


def kept(server: GunicornServer) -> list[Any]:
    """All that 2.x keeps for later requests."""
    with closing(sqlite3.connect(server.folder / "models" / "cache.db")) as database:
        return database.execute("SELECT * FROM cache").fetchall()


def test_the_environment_has_2_and_not_1(python: Path, library: Path) -> None:
    script = (
        "import label_studio_ml, importlib.metadata as m; print(label_studio_ml.__version__, label_studio_ml.__file__);"
        "print([d.version for d in m.distributions() if 'label-studio-ml' in d.metadata['Name'].replace('_', '-')])"
    )
    done = subprocess.run([python, "-c", script], env=variables(library, library), capture_output=True, text=True)
    (version, file), found = (line.split() for line in done.stdout.splitlines())
    assert version.startswith("2.")
    assert Path(file).is_relative_to(library)
    assert found == ["[]"]


@pytest.mark.parametrize("extra_params", [None, {"a": 1}, "text"])
def test_setup_says_the_version_in_time(under_1: GunicornServer, either: GunicornServer, extra_params: object) -> None:
    begun = time.monotonic()
    answer = setup(either, CONFIG, extra_params)
    assert time.monotonic() - begun < SETUP_S
    assert (answer.status_code, answer.json()) == (200, setup(under_1, CONFIG).json())
    assert answer.json()["model_version"].startswith("wholebody-figures-")


@pytest.mark.parametrize(
    "config", [CONFIG, BODY, SKELETON, DECLARED], ids=["all", "body", "skeleton", "declares its encoding"]
)
@pytest.mark.parametrize(
    "tasks",
    [[TWO_PEOPLE], [TWO_PEOPLE, BROKEN, NOBODY, UNREACHABLE, {"id": 5}], [BROKEN], []],
    ids=["one", "some that cannot be done", "one that cannot be done", "none"],
)
def test_predictions_are_those_under_1(
    under_1: GunicornServer, either: GunicornServer, tasks: list[dict[str, Any]], config: str
) -> None:
    found = results(predict(either, tasks, config))
    assert found == results(predict(under_1, tasks, config))
    assert [len(one) > 0 for one in found] == [one in (TWO_PEOPLE, NOBODY) for one in tasks]


def test_a_drawn_box_gets_the_same_person(under_1: GunicornServer, either: GunicornServer) -> None:
    (person,) = results(predict(either, [TWO_PEOPLE], CONFIG, PROMPT))
    assert [person] == results(predict(under_1, [TWO_PEOPLE], CONFIG, PROMPT))
    assert len(person["result"]) == 134


def test_no_project_gets_another_ones_config(under_1: GunicornServer, either: GunicornServer) -> None:
    """At once, with the same project number too, which two Label Studios may both have given; opened and prompted."""
    asked = [(config, context) for config in (BODY, HAND, SKELETON) for context in (None, PROMPT)]
    expected = [results(predict(under_1, [TWO_PEOPLE], config, context)) for config, context in asked]
    assert len({json.dumps(one) for one in expected}) == len(asked)

    def ask(turn: int) -> Any:
        config, context = asked[turn % len(asked)]
        if turn % 5 == 0:
            assert setup(either, asked[(turn + 1) % len(asked)][0]).status_code == 200
        return results(predict(either, [TWO_PEOPLE], config, context, project=f"{1 + turn % 2}.{turn}"))

    with ThreadPoolExecutor(8) as clients:
        found = list(clients.map(ask, range(60)))
    assert found == [expected[turn % len(asked)] for turn in range(60)]


def test_nothing_is_kept_for_other_requests(either: GunicornServer) -> None:
    """Neither configs nor versions: the next model's would be told the old one."""
    assert setup(either, BODY, {"a": 1}).status_code == 200
    assert predict(either, [NOBODY], BODY).status_code == 200
    assert kept(either) == []


def test_a_config_full_of_variables_takes_no_time(either: GunicornServer) -> None:
    """2.x's own parsers are never begun: they looked for each of them in each name."""
    config = heavy.labeling_config("a variable for each control")
    begun = time.monotonic()
    assert setup(either, config).status_code in (200, 400)
    assert predict(either, [NOBODY], config).status_code in (200, 400)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("event", ["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "START_TRAINING", "ANNOTATIONS_DELETED"])
def test_webhooks_are_accepted_and_change_nothing(either: GunicornServer, event: str) -> None:
    project = {"id": 1, "title": "x", "label_config": HAND}
    assert post(either, "/webhook", action=event, project=project, annotation={}, task={"id": 1}).ok
    assert kept(either) == []
    assert len(results(predict(either, [TWO_PEOPLE], CONFIG))[0]["result"]) == 2 * 134


def test_our_server_says_errors_as_under_1(under_1: GunicornServer, under_2: GunicornServer) -> None:
    for config, one, context in ((CONFIG, BROKEN, PROMPT), (CONFIG, UNREACHABLE, PROMPT), ("<View/>", NOBODY, None)):
        answers = [predict(server, [one], config, context) for server in (under_1, under_2)]
        assert answers[0].status_code in (400, 422)
        told = [(answer.status_code, answer.reason, answer.json()["error"]) for answer in answers]
        assert told[0] == told[1]


@pytest.mark.parametrize(
    ("config", "one", "context", "detail"),
    [
        (CONFIG, BROKEN, PROMPT, "ImageError: data:image/png;base64,... (26 characters): not an image"),
        (CONFIG, UNREACHABLE, PROMPT, "ImageError: http://127.0.0.1:1/x.jpg: "),
        ("<View/>", NOBODY, None, "LabelingConfigError: the labeling config "),
    ],
)
def test_the_server_of_2_says_errors_in_its_own_way(
    behind_2: LibraryServer, config: str, one: dict[str, Any], context: object, detail: str
) -> None:
    answer = predict(behind_2, [one], config, context)
    assert answer.status_code == 500
    assert answer.json()["detail"].startswith(detail)


def test_it_is_served_as_the_documentation_says(library: Path, python: Path, tmp_path: Path) -> None:
    """Loaded before the first request, with the file and the command of docs/deploying.md."""
    page = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    section = page.partition("## Behind label-studio-ml 2.x")[2].partition("\n## ")[0]
    file, command = re.findall(r"^```(?:python|sh)\n(.*?)^```", section, re.M | re.S)
    (tmp_path / "ml2_wsgi.py").write_text(file, encoding="utf-8")
    _, bind, *others, app = command.split()
    assert bind == "--bind=:9090"

    class Documented(LibraryServer):
        def options(self) -> list[str]:
            return ["-c", str(ROOT / "gunicorn.conf.py"), f"--bind=127.0.0.1:{self.port}", *others]

    with Documented(app, tmp_path, python, **variables(library, tmp_path)) as server:
        begun = time.monotonic()
        assert setup(server, CONFIG).status_code == 200
        assert time.monotonic() - begun < 0.5
        assert len(results(predict(server, [TWO_PEOPLE], CONFIG))[0]["result"]) == 2 * 134
    assert "Traceback" not in server.log()
