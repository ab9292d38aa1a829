"""Questions to Label Studio that are asked once, with short time limits. Nothing is written or repeated."""

from typing import Any

import orjson
import requests
from pydantic import SecretStr

from wholebody.errors import AuthenticationError, LabelStudioError, UnavailableError
from wholebody.http.failures import describe_transport
from wholebody.http.session import Session
from wholebody.label_studio.credential import Credential
from wholebody.label_studio.moved import describe_move
from wholebody.label_studio.tokens import ask_release, cure_for

TIMEOUT_S = (5.0, 30.0)
"""To connect, and to answer: Label Studio itself waits for some seconds for each backend that is not there."""

CHECK_URL = "check LABEL_STUDIO_URL"


class LabelStudioApi:
    """Label Studio as the user of a token sees it.

    Raises:
        AuthenticationError: The token is of a kind that cannot work.
    """

    def __init__(self, base_url: str, token: SecretStr) -> None:
        self._base_url = base_url
        self._session = Session()
        self._credential = Credential(base_url, token, self._session)

    @property
    def is_personal(self) -> bool:
        """Whether it is a personal access token, and not a legacy one."""
        return self._credential.is_personal

    def read(self, path: str, **parameters: Any) -> Any:
        """What Label Studio answers to a GET, decoded.

        Raises:
            LabelStudioError: It refuses, is not there, or is no Label Studio.
        """
        response = self.send(path, **parameters)
        if response.status_code == 401:
            raise AuthenticationError(
                f"Label Studio does not accept the token ({_detail(response) or 'HTTP 401'}); "
                f"{cure_for(ask_release(self._session, self._base_url))}"
            )
        if response.status_code >= 400:
            raise LabelStudioError(f"GET {path}: HTTP {response.status_code} {_detail(response)}".rstrip())
        return decoded(response, path, self._base_url)

    def send(self, path: str, **parameters: Any) -> requests.Response:
        """The answer to a GET, whatever its status; a refused access token is renewed once.

        Raises:
            LabelStudioError: There is no answer, or the token is refused where it is changed for an access token.
        """
        return self._credential.send(
            lambda headers: get(self._session, self._base_url + path, path, parameters, headers)
        )


def ask_openly(base_url: str, path: str) -> requests.Response:
    """The answer to a GET without a token, whatever its status.

    Raises:
        UnavailableError: There is none.
    """
    with Session() as session:
        return get(session, base_url + path, path, {}, {})


def get(
    session: Session, url: str, what: str, parameters: dict[str, Any], headers: dict[str, str]
) -> requests.Response:
    """One GET, whose redirects are not followed. An error names it as `what`."""
    try:
        return session.get(url, params=parameters, headers=headers, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        raise UnavailableError(f"{what}: {describe_transport(error, url)}") from None


def decoded(response: requests.Response, what: str, base_url: str) -> Any:
    """The JSON of an answer.

    Raises:
        LabelStudioError: There is none in it: a redirect, a proxy's page, another server.
    """
    if moved := describe_move(response, base_url):
        raise LabelStudioError(moved)
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise LabelStudioError(
            f"{what}: HTTP {response.status_code} without JSON, which is not how Label Studio answers; {CHECK_URL}"
        ) from None


def _detail(response: requests.Response) -> str:
    try:
        content = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return ""
    return " ".join(str(content.get("detail", "")).split())[:200] if isinstance(content, dict) else ""
