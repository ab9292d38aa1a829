"""The token, of either kind, and the access token won from a personal one: shown nowhere."""

import copy
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from model import WholebodyBackend, load_annotator
from tests.client.test_credential import LEGACY, PAT, REFRESH
from tests.http_server import Answer, Received, ScriptedServer
from tests.images.test_images import PNG
from tests.test_model import CONFIG, PROMPT
from wholebody.checks.api import LabelStudioApi
from wholebody.errors import WholebodyError
from wholebody.http.deadlines import Deadline
from wholebody.images.fetching import Fetcher
from wholebody.images.loader import ImageLoader
from wholebody.label_studio.client import LabelStudioClient
from wholebody.process.logs import configure_logging
from wholebody.process.memory_budget import Share
from wholebody.process.stopping import Stop
from wholebody.serving.server import create_app
from wholebody.settings import Settings, load_settings

ACCESS = "access-token-won-from-it"
SECRETS = (LEGACY, PAT, PAT.split(".")[1], ACCESS)


def assert_none_in(text: str | bytes) -> None:
    shown = text.decode("latin-1") if isinstance(text, bytes) else text
    assert [secret for secret in SECRETS if secret in shown] == []


@dataclass
class Scene:
    """A Label Studio, another server, and settings that name the first and one of its tokens."""

    here: ScriptedServer
    there: ScriptedServer
    settings: Settings

    @property
    def expected(self) -> str:
        token = self.settings.label_studio_api_token
        assert token is not None
        return f"Token {LEGACY}" if token.get_secret_value() == LEGACY else f"Bearer {ACCESS}"


@pytest.fixture(params=[LEGACY, PAT], ids=["legacy", "personal"])
def scene(request: pytest.FixtureRequest, server: ScriptedServer, other_server: ScriptedServer) -> Scene:
    server.on("POST", REFRESH, Answer(json={"access": ACCESS}))
    settings = load_settings(
        label_studio_url=server.url, label_studio_api_token=request.param, max_retries=0, mode="figures"
    )
    scene = Scene(server, other_server, settings)

    def with_the_token(request: Received) -> Answer:
        return Answer(body=PNG) if request.authorization == scene.expected else Answer(403)

    server.on("GET", "/data/good", with_the_token)
    server.on("GET", "/data/gone", Answer(404))
    server.on("GET", "/data/denied", Answer(401, json={"detail": "Invalid token."}))
    server.on("GET", "/data/reset", Answer(reset=True))
    server.on("GET", "/data/page", Answer(body=b"<!DOCTYPE html>"))
    server.on("GET", "/data/junk", Answer(body=b"junk"))
    server.on("GET", "/data/away", Answer(302, headers={"Location": other_server.url + "/away?sig=1"}))
    server.on("GET", "/data/inside", Answer(302, headers={"Location": "http://169.254.169.254/"}))
    server.on("GET", "/data/nowhere", Answer(302, headers={"Location": "http://no-such-host.invalid/"}))
    other_server.on("GET", "/away", Answer(403))
    return scene


REFERENCES = [
    *(f"/data/{name}" for name in ("good", "gone", "denied", "reset", "page", "junk", "away", "inside", "nowhere")),
    "s3://bucket/key",
    "{there}/away",
    "http://127.0.0.1:{here_port}@127.0.0.1:{there_port}/away",
    "http://127.0.0.1:{there_port}\\@127.0.0.1:{here_port}/away",
    "http://localhost:{here_port}/data/good",
    "http://[::1/",
    "file:///etc/passwd",
]


def references(scene: Scene) -> list[str]:
    ports = {"there": scene.there.url, "here_port": scene.here.port, "there_port": scene.there.port}
    return [reference.format(**ports) for reference in REFERENCES]


def outcomes(scene: Scene) -> Iterator[WholebodyError]:
    """All kinds of references loaded, and what became of those that failed."""
    loader = ImageLoader(scene.settings)
    for reference in references(scene):
        try:
            loader.load(reference, 1)
        except WholebodyError as error:
            yield error
    loader.close()
    assert scene.here.asked("GET", "/data/good")


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def pickled(error: BaseException) -> bytes:
    """As Python pickles it. Dask, once imported, makes all errors of a process travel with those that led to them."""
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    pickler.dispatch_table = {}
    pickler.dump(error)
    return stream.getvalue()


def test_no_error_shows_it(scene: Scene) -> None:
    errors = list(outcomes(scene))
    assert len(errors) > 10
    for error in errors:
        assert_none_in(pickled(error))
        for one in chain(error):
            one.__suppress_context__ = False  # as tools do that report errors with all that led to them
            assert_none_in(f"{one} {one!r} {vars(one)} {one.args}")
            assert_none_in("".join(traceback.format_exception(one)))


def test_no_other_server_sees_it(scene: Scene) -> None:
    list(outcomes(scene))
    assert len(scene.there.requests) >= 4
    for request in scene.there.requests:
        assert request.authorization is None
        assert_none_in(f"{request} {request.headers.items()}")
    seen = [request.authorization for request in scene.here.asked("GET", "/data/good")]
    assert seen == [scene.expected, None]  # by Label Studio's address, and by another name of its host


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_log_shows_it(scene: Scene, log_format: Any, capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG", log_format)
    for name in ("urllib3", "requests", "http", "werkzeug", "PIL", "wholebody"):
        logging.getLogger(name).setLevel("DEBUG")  # even where somebody opens what is kept quiet
    for error in outcomes(scene):
        logging.getLogger("wholebody").debug("failed", exc_info=error)
        logging.getLogger("wholebody").debug("%s %r", scene.settings, vars(scene.settings))
    shown = capfd.readouterr().err
    assert "GET /data/good HTTP/1.1" in shown
    assert_none_in(shown)
    if log_format == "json":
        assert all(json.loads(line) for line in shown.splitlines())


def used(thing: Any, use: Callable[[Any], object]) -> Any:
    use(thing)
    return thing


GOOD = "{}/data/good"

OBJECTS: list[tuple[str, Callable[[Settings], Any]]] = [
    ("settings", lambda settings: settings),
    ("credential", lambda settings: used(Fetcher(settings), lambda it: it._credential.authorization())._credential),
    ("loader", lambda settings: used(ImageLoader(settings), lambda it: it.load("/data/good", 1))),
    (
        "fetcher",
        lambda settings: used(
            Fetcher(settings), lambda it: it.fetch(f"{settings.label_studio_url}/data/good", Share())
        ),
    ),
    ("session", lambda settings: Fetcher(settings)._session),
    ("client", lambda settings: LabelStudioClient(settings, Stop())),
    ("doctor", lambda settings: LabelStudioApi(str(settings.label_studio_url), settings.label_studio_api_token)),  # type: ignore[arg-type]
    ("deadline", lambda settings: Deadline(1)),
]


def everything_in(thing: Any, depth: int = 6) -> Iterator[str]:
    """What `repr`, `str` and `vars` say of an object, and of all that it is made of, as far as these are ours."""
    yield f"{thing} {thing!r}"
    inside = getattr(thing, "__dict__", {})
    yield repr(inside)
    for value in inside.values():
        if depth and type(value).__module__.partition(".")[0] in ("wholebody", "requests"):
            yield from everything_in(value, depth - 1)


@pytest.mark.parametrize("make", [make for _, make in OBJECTS], ids=[name for name, _ in OBJECTS])
def test_no_object_shows_it(scene: Scene, make: Callable[[Settings], Any]) -> None:
    thing = make(scene.settings)
    for text in everything_in(thing):
        assert_none_in(text)
    try:
        assert_none_in(pickle.dumps(thing))
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        assert_none_in(repr(error))


def test_settings_show_it_in_no_form(scene: Scene) -> None:
    settings = scene.settings
    assert_none_in(f"{settings.model_dump()} {settings.model_dump_json()} {settings.model_dump(mode='json')}")
    with pytest.raises(TypeError, match=r"^settings hold secrets in plain text when pickled; read them anew where"):
        pickle.dumps(settings)
    assert copy.copy(settings) == copy.deepcopy(settings) == settings


def test_no_answer_and_no_metric_shows_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("MODE", "figures"),
        ("LABEL_STUDIO_URL", scene.here.url),
        ("LABEL_STUDIO_API_TOKEN", scene.settings.label_studio_api_token.get_secret_value()),  # type: ignore[union-attr]
    ):
        monkeypatch.setenv(name, value)
    load_annotator.cache_clear()
    client = create_app(WholebodyBackend, scene.settings, load_annotator().model_version).test_client()
    tasks = [{"id": at, "data": {"image": reference}} for at, reference in enumerate(references(scene), 1)]
    config = CONFIG
    answers = [client.post("/predict", json={"tasks": tasks, "label_config": config})]
    for one in tasks:  # a single task that fails is answered with its error
        message = {"tasks": [one], "label_config": config, "params": {"context": PROMPT}}
        answers.append(client.post("/predict", json=message))
    answers += [client.post("/setup", json={"schema": config, "access_token": LEGACY}), client.get("/metrics")]
    answers += [client.get(path) for path in ("/", "/health", "/ready", "/versions", "/nothing", "/openapi.json")]
    load_annotator.cache_clear()
    assert scene.expected in [request.authorization for request in scene.here.requests]
    assert b"access denied" in b"".join(answer.data for answer in answers)
    for answer in answers:
        assert_none_in(f"{answer.status} {answer.headers} {answer.text}")
