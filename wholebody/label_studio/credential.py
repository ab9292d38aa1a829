"""The Label Studio token: which requests may carry it, and how. It goes to Label Studio alone."""

import base64
import binascii
import json
import logging
import threading
import time
from collections.abc import Callable
from urllib.parse import unquote

import requests
from pydantic import SecretStr
from urllib3.util import Url, parse_url

from wholebody.errors import AuthenticationError, LabelStudioError, UnavailableError
from wholebody.http.failures import describe_transport
from wholebody.http.session import Session
from wholebody.label_studio.moved import describe_move
from wholebody.label_studio.pacing import parse_retry_after
from wholebody.label_studio.tokens import COPY, ask_release, knows_personal_tokens

log = logging.getLogger(__name__)

ACCESS_LIFE_S = 240.0
"""An access token lives exactly 300 s; it is replaced after this."""

REFRESH_TIMEOUT_S = (5.0, 30.0)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Credential:
    """A legacy token, or a personal access token with the short-lived access token won from it.

    Thread-safe.

    Args:
        base_url: Address of Label Studio, without a trailing slash; it may have a sub-path.
        token: The personal access token (a refresh JWT, never sent as `Bearer`) or the legacy token.
        session: For the refresh calls; one that adds nothing to them.

    Raises:
        AuthenticationError: The token is an access token, which would live for minutes only.
    """

    def __init__(self, base_url: str, token: SecretStr, session: Session) -> None:
        self.base_url = base_url
        self._token = token
        self._session = session
        self._lock = threading.Lock()
        self._access: SecretStr | None = None
        self._access_since = 0.0
        self.is_personal = _token_type(token.get_secret_value()) is not None
        if _token_type(token.get_secret_value()) == "access":
            raise AuthenticationError(
                "LABEL_STUDIO_API_TOKEN is an access token, which lives five minutes; "
                "give the personal access token from Account & Settings"
            )

    def __repr__(self) -> str:
        kind = "personal access token" if self.is_personal else "legacy token"
        return f"Credential({self.base_url!r}, {kind})"

    def covers(self, url: str) -> bool:
        """Whether a request to `url` goes to Label Studio and may carry the token."""
        return lies_under(url, self.base_url)

    def authorization(self) -> str:
        """The value of the `Authorization` header, with a fresh access token where one is needed.

        Raises:
            AuthenticationError: Label Studio refuses the personal access token.
            UnavailableError: Label Studio cannot be asked for now.
        """
        if not self.is_personal:
            return f"Token {self._token.get_secret_value()}"
        with self._lock:
            if time.monotonic() - self._access_since > ACCESS_LIFE_S or self._access is None:
                self._access = SecretStr(self._refresh())
                self._access_since = time.monotonic()
            return f"Bearer {self._access.get_secret_value()}"

    def renew(self, refused: str) -> bool:
        """Drop the access token in `refused`, which got 401; whether a new try makes sense."""
        with self._lock:
            if self._access and refused == f"Bearer {self._access.get_secret_value()}":
                self._access = None
            return self.is_personal

    def send(self, call: Callable[[dict[str, str]], requests.Response]) -> requests.Response:
        """The answer to `call(headers)`, which is made once more where the access token in them is refused.

        Raises:
            AuthenticationError, UnavailableError: As `authorization` does.
        """
        for attempt in range(2):
            authorization = self.authorization()
            response = call({"Authorization": authorization})
            if response.status_code != 401 or attempt or not self.renew(authorization):
                break
            response.close()
        return response

    def _refresh(self) -> str:
        url = f"{self.base_url}/api/token/refresh"
        try:
            response = self._session.post(
                url,
                json={"refresh": self._token.get_secret_value()},
                timeout=REFRESH_TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            words = describe_transport(error, url)
            raise UnavailableError(f"{url}: {words}", busy=words == "timed out") from None
        if response.status_code in (401, 403):
            raise AuthenticationError(
                f"Label Studio refuses the personal access token ({_detail(response)}); "
                "create a new one in Account & Settings and set LABEL_STUDIO_API_TOKEN"
            )
        status = response.status_code
        if status == 404 and not knows_personal_tokens(release := ask_release(self._session, self.base_url)):
            raise AuthenticationError(
                f"LABEL_STUDIO_API_TOKEN is a personal access token, which Label Studio {release} does not know; {COPY}"
            )
        if status >= 500 or status == 429:
            asked = parse_retry_after(response.headers.get("Retry-After", ""))
            raise UnavailableError(f"{url}: HTTP {status}", asked, busy=status in (429, 503, 504))
        if moved := describe_move(response, self.base_url):
            raise LabelStudioError(moved)
        try:
            return str(response.json()["access"])
        except (ValueError, KeyError, TypeError):
            message = f"{url}: HTTP {status} is no answer of Label Studio; check LABEL_STUDIO_URL"
            # What came with 200 may be a proxy's page for the moment; anything else stays as it is.
            raise (UnavailableError if status == 200 else LabelStudioError)(message) from None


def lies_under(url: str, base_url: str) -> bool:
    """Whether `url` has the scheme, host and port of `base_url` and a path under its path.

    Read by the parser that requests connects by: others see host b in `http://a\\@b/`, which goes to a.
    """
    try:
        parts, base = parse_url(url), parse_url(base_url)
    except ValueError:
        return False
    path, base_path = unquote(parts.path or "") + "/", (base.path or "").rstrip("/") + "/"
    return _origin(parts) == _origin(base) and path.startswith(base_path) and ".." not in path.split("/")


def _origin(parts: Url) -> tuple[str | None, str | None, int | None]:
    return parts.scheme, parts.host, parts.port or _DEFAULT_PORTS.get(parts.scheme or "")


def _token_type(token: str) -> str | None:
    """The `token_type` claim of a JWT, `""` where it has none, `None` for what is no JWT (a legacy token)."""
    segments = token.split(".")
    if len(segments) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(segments[1] + "=" * (-len(segments[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    return str(claims.get("token_type", "")) if isinstance(claims, dict) else None


def _detail(response: requests.Response) -> str:
    try:
        return str(response.json()["detail"])[:200]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}"
