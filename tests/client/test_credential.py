import base64
import json
import threading
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

import wholebody.label_studio.credential
from tests.http_server import Answer, ScriptedServer
from wholebody.errors import AuthenticationError, LabelStudioError, UnavailableError
from wholebody.http.session import Session
from wholebody.label_studio.credential import Credential, lies_under

REFRESH = "/api/token/refresh"
LEGACY = "0123456789abcdef0123456789abcdef01234567"


def jwt(**claims: object) -> str:
    def part(content: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part(claims)}.c2lnbmF0dXJl"


PAT = jwt(token_type="refresh", user_id=1)

Make = Callable[..., Credential]


@pytest.fixture
def credential_for() -> Iterator[Make]:
    with Session() as session:
        yield lambda url, token=PAT: Credential(url, SecretStr(token), session)


@pytest.mark.parametrize(
    ("token", "personal"),
    [
        # forty hexadecimal digits, as Label Studio makes them
        (LEGACY, False),
        # a personal access token
        (PAT, True),
        # a JWT of another make
        (jwt(sub="me"), True),
        # three parts that are no JWT
        ("a.b.c", False),
        ("a.bm90IGpzb24.c", False),
        ("a.WzFd.c", False),
        ("a./.c", False),
        ("é.é.é", False),
        ("a.b", False),
    ],
)
def test_the_kind_of_token(credential_for: Make, token: str, personal: bool) -> None:
    assert credential_for("http://ls", token).is_personal is personal


def test_an_access_token_is_refused_with_the_cure(credential_for: Make) -> None:
    with pytest.raises(AuthenticationError, match=r"^LABEL_STUDIO_API_TOKEN is an access token, .*; give the personal"):
        credential_for("http://ls", jwt(token_type="access"))


@pytest.mark.parametrize(("token", "kind"), [(LEGACY, "legacy token"), (PAT, "personal access token")])
def test_the_token_is_not_in_the_repr(credential_for: Make, token: str, kind: str) -> None:
    assert repr(credential_for("http://ls/sub", token)) == f"Credential('http://ls/sub', {kind})"


UNDER = [
    # base, url, whether the token may go there
    ("http://ls:8080", "http://ls:8080/data/upload/1/a.jpg", True),
    ("http://ls:8080", "http://ls:8080", True),
    ("http://ls:8080", "http://ls:8080?x", True),
    ("http://ls:8080", "HTTP://LS:8080/a", True),
    ("http://ls", "http://ls:80/a", True),
    ("https://ls:443", "https://ls/a", True),
    ("http://[::1]:8080", "http://[::1]:8080/a", True),
    # user names are Label Studio's own business
    ("http://ls:8080", "http://me:pw@ls:8080/a", True),
    # another port, scheme or host
    ("http://ls:8080", "http://ls:8081/a", False),
    ("http://ls:8080", "http://ls/a", False),
    ("http://ls", "https://ls/a", False),
    ("https://ls", "http://ls/a", False),
    ("http://ls:80", "http://ls:8080/a", False),
    ("http://ls", "http://other/a", False),
    # look-alikes
    ("http://ls", "http://ls.evil.example/a", False),
    ("http://ls", "http://evil-ls/a", False),
    ("http://ls", "http://ls@evil.example/a", False),
    ("http://ls:8080", "http://ls:8080@evil.example/a", False),
    ("http://ls", "http://evil.example/http://ls/a", False),
    ("http://ls", "http://evil.example?http://ls/", False),
    ("http://ls", "http://evil.example#@ls/", False),
    ("http://127.0.0.1", "http://localhost/a", False),
    # parsers disagree on these; what counts is where the request goes
    ("http://ls", "http://evil.example\\@ls/a", False),
    ("http://ls", "http://evil.example\\\\@ls/a", False),
    ("http://ls", "http:/ls/a", False),
    ("http://ls", "//ls/a", False),
    # a sub-path
    ("http://ls/sub", "http://ls/sub/data/a", True),
    ("http://ls/sub", "http://ls/sub", True),
    ("http://ls/sub", "http://ls/a", False),
    ("http://ls/sub", "http://ls/submarine/a", False),
    ("http://ls/sub", "http://ls/SUB/a", False),
    # ... that is left again
    ("http://ls/sub", "http://ls/sub/../other", False),
    ("http://ls/sub", "http://ls/sub/%2e%2e/other", False),
    ("http://ls/sub", "http://ls/sub/.%2E/other", False),
    ("http://ls/sub", "http://ls/sub/data/..%2f..%2fother", False),
    # dots that lead nowhere
    ("http://ls/sub", "http://ls/sub/a..b/...c", True),
    # no addresses at all
    ("http://ls", "http://ls:port/a", False),
    ("http://ls", "http://[::1/a", False),
    ("http://ls", "http://ls:99999/a", False),
    ("http://ls", "", False),
]


@pytest.mark.parametrize(("base", "url", "expected"), UNDER)
def test_what_lies_under_an_address(credential_for: Make, base: str, url: str, expected: bool) -> None:
    assert lies_under(url, base) is expected
    assert credential_for(base, LEGACY).covers(url) is expected


def test_a_legacy_token_is_sent_as_it_is(credential_for: Make, server: ScriptedServer) -> None:
    credential = credential_for(server.url, LEGACY)
    assert credential.authorization() == f"Token {LEGACY}"
    assert not credential.renew(f"Token {LEGACY}")
    assert server.requests == []


def test_a_personal_token_is_refreshed_once_and_never_sent_as_bearer(
    credential_for: Make, server: ScriptedServer
) -> None:
    server.on("POST", "/sub" + REFRESH, Answer(json={"access": "one"}))
    credential = credential_for(server.url + "/sub")
    assert {credential.authorization() for _ in range(5)} == {"Bearer one"}
    (request,) = server.requests
    assert request.json() == {"refresh": PAT}
    assert request.authorization is None


def test_threads_share_one_refresh(credential_for: Make, server: ScriptedServer) -> None:
    server.on("POST", REFRESH, Answer(json={"access": "one"}, delay_s=0.1))
    credential = credential_for(server.url)
    threads = [threading.Thread(target=credential.authorization) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 1


def test_an_access_token_is_replaced_when_refused_or_old(
    credential_for: Make, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("POST", REFRESH, *(Answer(json={"access": name}) for name in ("one", "two", "three")))
    credential = credential_for(server.url)
    assert credential.authorization() == "Bearer one"
    # a refused token that has been replaced in the meantime does not cost the new one
    assert credential.renew("Bearer zero")
    assert credential.authorization() == "Bearer one"
    assert credential.renew("Bearer one")
    assert credential.authorization() == "Bearer two"
    monkeypatch.setattr(wholebody.label_studio.credential, "ACCESS_LIFE_S", 0.0)
    assert credential.authorization() == "Bearer three"


REFUSED = r"^Label Studio refuses the personal access token \({}\); create a new one in Account & Settings and set "


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        # revoked
        (
            Answer(401, json={"detail": "Token is blacklisted"}),
            AuthenticationError,
            REFUSED.format("Token is blacklisted"),
        ),
        # refused without a reason
        (Answer(403, "<html>"), AuthenticationError, REFUSED.format("HTTP 403")),
        (Answer(401, json=["?"]), AuthenticationError, REFUSED.format("HTTP 401")),
        # not for now
        (Answer(503), UnavailableError, r"^{url}: HTTP 503$"),
        (Answer(429), UnavailableError, r"^{url}: HTTP 429$"),
        (Answer(reset=True), UnavailableError, r"^{url}: connection dropped$"),
        (Answer(body="{}", stop_after=0), UnavailableError, r"^{url}: connection dropped$"),
        # not Label Studio
        (
            Answer(200, "<html>"),
            UnavailableError,
            r"^{url}: HTTP 200 is no answer of Label Studio; check LABEL_STUDIO_URL$",
        ),
        (Answer(404), LabelStudioError, r"^{url}: HTTP 404 is no answer of Label Studio; check LABEL_STUDIO_URL$"),
        (Answer(200, json={}), UnavailableError, r"^{url}: HTTP 200 is no answer of"),
        (Answer(200, json=[1]), UnavailableError, r"^{url}: HTTP 200 is no answer of"),
        # the token does not follow a redirect
        (
            Answer(307, headers={"Location": "http://127.0.0.1:1/"}),
            LabelStudioError,
            r"redirects to http://127\.0\.0\.1:1/; set LABEL_STUDIO_URL to the final address$",
        ),
        (
            Answer(301, headers={"Location": f"https://me:secret@ls.example/sub{REFRESH}?x=1"}),
            LabelStudioError,
            r"redirects to https://ls\.example/sub; set LABEL_STUDIO_URL to the final address$",
        ),
        (
            Answer(301, headers={"Location": "http://[::1/"}),
            LabelStudioError,
            r"redirects to http://\[::1/; set LABEL_STUDIO_URL to the final address$",
        ),
    ],
)
def test_a_refresh_that_fails(
    credential_for: Make, server: ScriptedServer, answer: Answer, error: type[Exception], message: str
) -> None:
    server.on("POST", REFRESH, answer)
    with pytest.raises(error, match=message.replace("{url}", server.url + REFRESH)) as raised:
        credential_for(server.url).authorization()
    assert type(raised.value) is error
    assert PAT not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "retry_after", "asked_s", "busy"),
    [(429, "7", 7.0, True), (503, "12", 12.0, True), (503, "", None, True), (502, "", None, False)],
)
def test_a_refresh_that_is_put_off_says_how_long(
    credential_for: Make, server: ScriptedServer, status: int, retry_after: str, asked_s: float | None, busy: bool
) -> None:
    server.on("POST", REFRESH, Answer(status, headers={"Retry-After": retry_after}))
    with pytest.raises(UnavailableError, match=f"HTTP {status}$") as raised:
        credential_for(server.url).authorization()
    assert (raised.value.retry_after_s, raised.value.busy) == (asked_s, busy)


def test_a_refresh_that_takes_too_long(
    credential_for: Make, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wholebody.label_studio.credential, "REFRESH_TIMEOUT_S", (1.0, 0.05))
    server.on("POST", REFRESH, Answer(delay_s=5))
    with pytest.raises(UnavailableError, match=f"^{server.url}{REFRESH}: timed out$"):
        credential_for(server.url).authorization()
