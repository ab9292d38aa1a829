"""References that Label Studio serves itself, by whatever address tasks name it."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.http_server import Answer, ScriptedServer
from tests.images.test_images import LEGACY, PICTURE, PNG, load, refusal
from wholebody.errors import ImageError
from wholebody.images.loader import ImageLoader
from wholebody.images.own_addresses import MOST_NAMES
from wholebody.settings import load_settings

OK = Answer(body=PNG)
TOKEN = f"Token {LEGACY}"
NOWHERE = "http://public.invalid"
MADE_AT = "2026-11-28T15:30:46.250000Z"
PROJECT = "2.1795879846"


@pytest.mark.parametrize("base_path", ["", "/inside"])
@pytest.mark.parametrize(
    ("public", "reference", "path"),
    [
        (NOWHERE, f"{NOWHERE}/data/local-files/?d=a/b.jpg", "/data/local-files/?d=a/b.jpg"),
        (NOWHERE, "HTTP://PUBLIC.invalid:80/data/upload/1/a%20b.jpg", "/data/upload/1/a%20b.jpg"),
        (NOWHERE, f"{NOWHERE}/tasks/3/resolve/?fileuri=abc", "/tasks/3/resolve/?fileuri=abc"),
        (NOWHERE, "//public.invalid/projects/1/presign/?fileuri=abc", "/projects/1/presign/?fileuri=abc"),
        (f"{NOWHERE}/ls", f"{NOWHERE}/ls/data/local-files/?d=a.jpg", "/data/local-files/?d=a.jpg"),
        (f"{NOWHERE}/ls", "/ls/data/upload/1/a.jpg", "/data/upload/1/a.jpg"),
        (f"{NOWHERE}/ls", "/ls/tasks/3/resolve/?fileuri=abc", "/tasks/3/resolve/?fileuri=abc"),
        (f"{NOWHERE}/ls", "/data/upload/1/a.jpg", "/data/upload/1/a.jpg"),
        # without a public address
        (None, "/tasks/3/resolve/?fileuri=abc", "/tasks/3/resolve/?fileuri=abc"),
        (None, "/tasks/3/presign/?fileuri=abc", "/tasks/3/presign/?fileuri=abc"),
        (None, "/projects/3/resolve/?fileuri=abc", "/projects/3/resolve/?fileuri=abc"),
    ],
)
def test_it_is_asked_for_where_label_studio_is(
    server: ScriptedServer, base_path: str, public: str | None, reference: str, path: str
) -> None:
    server.on("GET", base_path + path.partition("?")[0], OK)
    picture = load(reference, server.url + base_path, label_studio_public_url=public)
    assert np.array_equal(picture, PICTURE)
    (request,) = server.requests
    assert (request.query, request.authorization) == (path.partition("?")[2], TOKEN)


@pytest.mark.parametrize(
    "path",
    [
        "/api/projects/",
        "/user/data/upload/1/a.jpg",
        "/tasks/3/",
        "/tasks/x/resolve/?fileuri=a",
        "/data",
        "",
        # other sub-paths and ways out of this one
        "/lsx/data/upload/1/a.jpg",
        "/ls/../data/upload/1/a.jpg",
        "/ls/%2e%2e/data/upload/1/a.jpg",
    ],
)
def test_nothing_else_of_the_public_address_is(server: ScriptedServer, other_server: ScriptedServer, path: str) -> None:
    public = other_server.url + "/ls" * (path.startswith("/ls"))
    refusal(other_server.url + path, server.url, label_studio_public_url=public)
    assert server.requests == []
    assert [request.authorization for request in other_server.requests] == [None]


@pytest.mark.parametrize(
    "address",
    [
        "http://public.invalid@127.0.0.1:{port}",
        "http://public.invalid:80@127.0.0.1:{port}",
        "http://127.0.0.1:{port}\\@public.invalid",
        "http://127.0.0.1:{port}/http://public.invalid",
        "http://127.0.0.1:{port}#@public.invalid",
        "http://127.0.0.1:{port}?public.invalid",
    ],
)
def test_look_alikes_are_other_hosts(server: ScriptedServer, other_server: ScriptedServer, address: str) -> None:
    refusal(address.format(port=other_server.port) + "/data/upload/1/a", server.url, label_studio_public_url=NOWHERE)
    assert server.requests == []
    assert {request.authorization for request in other_server.requests} == {None}


@pytest.mark.parametrize(
    ("settings", "scheme"),
    [
        ({}, "https"),
        ({"label_studio_url": "http://ls"}, "http"),
        ({"label_studio_url": "http://ls", "label_studio_public_url": "https://ls.example"}, "https"),
    ],
)
def test_an_address_without_a_scheme_has_that_of_the_page(
    server: ScriptedServer, settings: dict[str, str], scheme: str
) -> None:
    server.on("GET", "/x.png", OK)
    loader = ImageLoader(load_settings(**settings))
    reference = f"//127.0.0.1:{server.port}/x.png"
    if scheme == "http":
        assert np.array_equal(loader.load(reference, 1).bgr, PICTURE)
    else:
        with pytest.raises(ImageError, match=r"does not speak TLS"):
            loader.load(reference, 1)
    loader.close()


@pytest.mark.parametrize(
    ("reference", "settings", "hint"),
    [
        ("{there}/data/local-files/?d=a.jpg", {}, "LABEL_STUDIO_PUBLIC_URL={there}"),
        ("{there}/ls/data/upload/1/a.jpg", {}, "LABEL_STUDIO_PUBLIC_URL={there}/ls"),
        ("{there}/tasks/1/resolve/?fileuri=abc", {}, "LABEL_STUDIO_PUBLIC_URL={there}"),
        ("{there}/data/upload/1/a.jpg", {"label_studio_url": None}, "LABEL_STUDIO_URL and LABEL_STUDIO_API_TOKEN"),
        # what may well be any other server's
        ("{there}/data/a.jpg", {}, ""),
        ("{there}/a.jpg?next={there}/data/upload/1/a.jpg", {}, ""),
    ],
)
def test_what_may_be_wrong(
    server: ScriptedServer, other_server: ScriptedServer, reference: str, settings: dict[str, None], hint: str
) -> None:
    loader = ImageLoader(
        load_settings(**{"label_studio_url": server.url, "label_studio_api_token": LEGACY, **settings})
    )
    with pytest.raises(ImageError) as raised:
        loader.load(reference.replace("{there}", other_server.url), 1)
    loader.close()
    hinted = hint and f"; if that is Label Studio, set {hint.format(there=other_server.url)}"
    assert str(raised.value).endswith(f"answers HTTP 404: not found{hinted}")


def test_the_hint_at_a_path_of_a_proxy(server: ScriptedServer) -> None:
    text = refusal("/label-studio/data/upload/1/a.jpg", server.url)
    assert text.endswith(
        "files of this machine are read from IMAGE_FILES_DIR alone; if a proxy of Label Studio adds /label-studio, set "
        "LABEL_STUDIO_PUBLIC_URL to the address with it"
    )
    assert refusal("/etc/passwd", server.url).endswith("files of this machine are read from IMAGE_FILES_DIR alone")


def test_the_hint_where_nothing_answers(server: ScriptedServer) -> None:
    text = refusal("http://127.0.0.1:9/data/local-files/?d=a.jpg", server.url)
    assert text.endswith(
        "127.0.0.1:9: connection refused; if that is Label Studio, set LABEL_STUDIO_PUBLIC_URL=http://127.0.0.1:9"
    )


@pytest.fixture
def loader(server: ScriptedServer) -> Iterator[ImageLoader]:
    server.on("GET", "/api/projects/2/", Answer(json={"id": 2, "created_at": MADE_AT}))
    server.on("GET", "/data/upload/1/a.jpg", OK)
    made = ImageLoader(load_settings(label_studio_url=server.url, label_studio_api_token=LEGACY))
    yield made
    made.close()


def fetched(server: ScriptedServer) -> list[str]:
    return [request.path for request in server.requests]


def test_an_address_that_setup_told_is_proved_once(server: ScriptedServer, loader: ImageLoader) -> None:
    loader.hear_address(NOWHERE, PROJECT)
    assert server.requests == []
    for _ in range(2):
        assert np.array_equal(loader.load(f"{NOWHERE}/data/upload/1/a.jpg", 1).bgr, PICTURE)
        loader.hear_address(NOWHERE, PROJECT)  # Label Studio says it again and again
    assert fetched(server) == ["/api/projects/2/", "/data/upload/1/a.jpg", "/data/upload/1/a.jpg"]
    assert {request.authorization for request in server.requests} == {TOKEN}


@pytest.mark.parametrize(
    ("project", "answer"),
    [
        ("2.1795879847", None),  # made in another second
        ("2.0", None),
        ("3.1795879846", None),
        (PROJECT, Answer(json={"id": 2})),
        (PROJECT, Answer(json={"created_at": "today"})),
        (PROJECT, Answer(json=[])),
        (PROJECT, Answer(body="<html>")),
        (PROJECT, Answer(503)),
    ],
)
def test_an_address_of_another_label_studio_is_another_host(
    server: ScriptedServer, other_server: ScriptedServer, loader: ImageLoader, project: str, answer: Answer | None
) -> None:
    """Its pictures may have the same paths, and be others."""
    if answer:
        server.on("GET", "/api/projects/2/", answer)
    other_server.on("GET", "/data/upload/1/a.jpg", Answer(401))
    loader.hear_address(other_server.url, project)
    with pytest.raises(ImageError, match="answers HTTP 401: needs a credential"):
        loader.load(f"{other_server.url}/data/upload/1/a.jpg", 1)
    assert "/data/upload/1/a.jpg" not in fetched(server)
    assert [request.authorization for request in other_server.requests] == [None]


def test_what_is_refuted_is_not_asked_again(server: ScriptedServer, loader: ImageLoader) -> None:
    loader.hear_address(NOWHERE, "2.1")
    for _ in range(3):
        with pytest.raises(ImageError):
            loader.load(f"{NOWHERE}/data/upload/1/a.jpg", 1)
    assert fetched(server) == ["/api/projects/2/"]


def test_what_could_not_be_asked_is_asked_again(server: ScriptedServer, loader: ImageLoader) -> None:
    server.on("GET", "/api/projects/2/", Answer(400), Answer(json={"created_at": MADE_AT}))
    loader.hear_address(NOWHERE, PROJECT)
    with pytest.raises(ImageError):
        loader.load(f"{NOWHERE}/data/upload/1/a.jpg", 1)
    assert np.array_equal(loader.load(f"{NOWHERE}/data/upload/1/a.jpg", 1).bgr, PICTURE)


@pytest.mark.parametrize(
    ("hostname", "project"),
    [
        (None, PROJECT),
        (5, PROJECT),
        ("localhost", PROJECT),
        ("file:///etc", PROJECT),
        ("http://me:secret@public.invalid", PROJECT),
        ("http://public.invalid/?a", PROJECT),
        ("http://" + "x" * 500, PROJECT),
        (NOWHERE, None),
        (NOWHERE, "../2.1"),
        (NOWHERE, "2"),
        (NOWHERE, {}),
    ],
)
def test_what_is_no_address_or_project_is_not_remembered(
    server: ScriptedServer, loader: ImageLoader, hostname: object, project: object
) -> None:
    loader.hear_address(hostname, project)
    with pytest.raises(ImageError):
        loader.load(f"{NOWHERE}/data/upload/1/a.jpg", 1)
    assert server.requests == []


def test_so_many_are_remembered_and_no_more(server: ScriptedServer, loader: ImageLoader) -> None:
    for number in range(MOST_NAMES + 1):
        loader.hear_address(f"http://public{number}.invalid", PROJECT)
    with pytest.raises(ImageError):
        loader.load("http://public0.invalid/data/upload/1/a.jpg", 1)
    assert server.requests == []
    assert np.array_equal(loader.load("http://public1.invalid/data/upload/1/a.jpg", 1).bgr, PICTURE)


def test_a_sub_path_that_setup_told(server: ScriptedServer, loader: ImageLoader) -> None:
    loader.hear_address(f"{NOWHERE}/label-studio", PROJECT)
    assert np.array_equal(loader.load("/label-studio/data/upload/1/a.jpg", 1).bgr, PICTURE)
    assert fetched(server) == ["/api/projects/2/", "/data/upload/1/a.jpg"]
