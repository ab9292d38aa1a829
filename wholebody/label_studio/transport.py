"""One call to Label Studio: token, pace, deadline, repetitions, and what each kind of answer means."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
import requests

from wholebody.errors import AuthenticationError, GoneError, LabelStudioError, SettingsError, UnavailableError
from wholebody.http.deadlines import Deadline, OutOfTimeError
from wholebody.http.failures import DROPPED, NOT_HTTP, TIMED_OUT, describe_transport
from wholebody.http.session import Session
from wholebody.label_studio.credential import Credential
from wholebody.label_studio.moved import describe_move
from wholebody.label_studio.pacing import Pace, parse_retry_after, retrying
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 300.0
"""Longest time of a call. Label Studio on SQLite repeats a locked write by itself, for minutes, before it answers."""

SETTLES_AFTER_TIMEOUT_S = 900.0
"""Label Studio's own repetitions of a locked write go on for up to 874 s, whether or not anybody still waits."""

SETTLES_AFTER_DROP_S = 10.0
"""A connection that drops at once is mostly a server that ends, or carried nothing."""

DROPPED_AT_ONCE_S = 5.0
"""One that drops later has been given up by something between, and is as good as a time-out."""

NOT_NOW = frozenset({408, 425, 429, *range(500, 600)})
BUSY = frozenset({429, 503, 504, 524})
NOT_WAITED_FOR = frozenset({504, 524})
"""A proxy's word that it waited no longer for a Label Studio that may go on."""

T = TypeVar("T")


class Transport:
    """Calls one Label Studio. For one thread.

    Args:
        settings: Address, token, delay and repetitions.
        stop: When set, the call in hand is finished, and no write or repetition is begun any more.

    Raises:
        SettingsError: Address or token is not set.
        AuthenticationError: The token is of a kind that cannot work.
    """

    def __init__(self, settings: Settings, stop: Stop) -> None:
        if settings.label_studio_url is None:
            raise SettingsError("LABEL_STUDIO_URL is not set; give the address of Label Studio")
        if settings.label_studio_api_token is None:
            raise SettingsError(
                "LABEL_STUDIO_API_TOKEN is not set; create a personal access token in Account & Settings (before Label "
                "Studio 1.17: copy the access token there)"
            )
        self.base_url = settings.label_studio_url
        self.pace = Pace(settings.request_delay_seconds, settings.max_backoff_delay, stop)
        self.stop = stop
        self._session = Session()
        self._credential = Credential(self.base_url, settings.label_studio_api_token, self._session)
        self._retrying = retrying(settings, sleep=stop.pause)

    def repeated(self, action: Callable[[], T]) -> T:
        """Do something again while it fails for now, as often as the settings say."""
        return self._retrying.copy()(action)

    def read(self, path: str, parameters: Any = None) -> Any:
        """The decoded answer to a GET.

        Raises:
            LabelStudioError: As `_check` says.
            StoppedError: The user does not want to wait until Label Studio may be asked.
        """
        self.pace.wait_to_read()
        return self._call("GET", path, parameters=parameters)

    def write(self, method: str, path: str, body: object = None, *, parts: int = 1) -> Any:
        """Change something, once the pace allows; the decoded answer.

        Args:
            method: As HTTP has it.
            path: What is changed.
            body: Is sent as JSON.
            parts: How many usual writes it takes the place of: as much longer it may take.

        Raises:
            LabelStudioError: As `_check` says.
            StoppedError: It was not begun, because the user asked to stop.
        """
        self.pace.wait_to_write()
        return self._call(method, path, body, self.pace.wait_to_write, parts=parts)

    def write_last(self, method: str, path: str, body: object) -> Any:
        """Change something at the end of a run, even one that the user asked to stop."""
        self.pace.wait_to_end()
        return self._call(method, path, body, self.pace.wait_to_end)

    def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        wait_to_write: Callable[[], None] | None = None,
        parameters: Any = None,
        parts: int = 1,
    ) -> Any:
        """One HTTP call; a refused access token is renewed once."""
        what, started = f"{method} {path}", time.monotonic()

        def send(headers: dict[str, str]) -> requests.Response:
            nonlocal started
            if wait_to_write:
                wait_to_write()  # once more: the first try may have been refused for its token a moment ago
            started = time.monotonic()
            deadline = Deadline(READ_TIMEOUT_S)  # a socket's own time-out begins anew with each byte
            try:
                with deadline.running():
                    return self._session.request(
                        method,
                        self.base_url + path,
                        params=parameters,
                        data=None if body is None else orjson.dumps(body),
                        headers=headers | {"Content-Type": "application/json"},
                        timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                        allow_redirects=False,
                    )
            except (requests.RequestException, OutOfTimeError) as error:
                cause = requests.ReadTimeout() if deadline.passed() else error
                raise _transport_failure(what, cause, time.monotonic() - started, self.base_url) from None
            finally:
                if wait_to_write:
                    self.pace.wrote()

        try:
            answer = _check(self._credential.send(send), what, self.base_url)
        except UnavailableError as error:
            self.pace.refused(error)
            raise
        if wait_to_write:
            self.pace.went_well((time.monotonic() - started) / parts)
        return answer


def _transport_failure(what: str, error: Exception, took_s: float, url: str) -> UnavailableError:
    """A failure below HTTP as an error that says whether the call may have reached Label Studio."""
    words = describe_transport(error, url)
    settles_in_s = 0.0
    if words == TIMED_OUT and not isinstance(error, requests.ConnectTimeout):
        settles_in_s = SETTLES_AFTER_TIMEOUT_S
    elif words in (DROPPED, NOT_HTTP):
        settles_in_s = SETTLES_AFTER_DROP_S if took_s < DROPPED_AT_ONCE_S else SETTLES_AFTER_TIMEOUT_S
    return UnavailableError(f"{what}: {words}", busy=words == TIMED_OUT, settles_in_s=settles_in_s)


def _check(response: requests.Response, what: str, base_url: str) -> Any:
    """The decoded answer of a successful call; every other answer as an error that says what to do."""
    status = response.status_code
    if status in NOT_NOW:
        raise UnavailableError(
            f"{what}: HTTP {status}",
            parse_retry_after(response.headers.get("Retry-After", "")),
            busy=status in BUSY,
            settles_in_s=SETTLES_AFTER_TIMEOUT_S if status in NOT_WAITED_FOR else 0.0,
        )
    if moved := describe_move(response, base_url):
        raise LabelStudioError(moved)
    if status >= 400:
        raise _refusal(status, response.content, what)
    if status == 204:
        return None
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        # A proxy's page, or an answer cut off: whether the call was carried out is not known.
        raise UnavailableError(f"{what}: HTTP {status} without JSON; is {base_url} Label Studio?") from None


def _refusal(status: int, content: bytes, what: str) -> LabelStudioError:
    answer = _object(content)
    invalid = answer.get("validation_errors")
    detail = " ".join(str(invalid or answer.get("detail") or "").split())[:300]
    message = f"{what}: HTTP {status} {detail}".rstrip()
    if status == 413:
        return LabelStudioError(
            f"{message}: what was sent is longer than the proxy before Label Studio takes; raise its limit (nginx: "
            "client_max_body_size 20m), or lower MAX_PEOPLE"
        )
    if status == 401:
        return AuthenticationError(f"Label Studio does not accept the token ({detail}); check LABEL_STUDIO_API_TOKEN")
    if status == 400 and isinstance(invalid, dict) and any(words in str(invalid.get("task")) for words in _NO_TASK):
        return GoneError(message)
    is_gone = status == 404 and answer and what.startswith(_OF_SOMETHING)
    return GoneError(message) if is_gone else LabelStudioError(message)


_OF_SOMETHING = ("DELETE ", "GET /api/projects/", "PATCH /api/projects/", "GET /api/tasks/")
"""Calls whose 404, where it comes from Label Studio itself, means that what they are about is not there."""

_NO_TASK = ("object does not exist", "That choice is not one of the available choices")
"""What Label Studio says of a task that is not there: to a write, and to the question for its predictions."""


def _object(content: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}
