"""An http(s) address -> the bytes behind it, within limits of time and size; Label Studio gets its token."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from wholebody.errors import ImageError, ImageUnavailableError, LabelStudioError, UnavailableError
from wholebody.http.connections import PatientRetry
from wholebody.http.cookies import Cookies
from wholebody.http.deadlines import Deadline, OutOfTimeError
from wholebody.http.failures import NO_ADDRESS, TIMED_OUT, describe_transport
from wholebody.http.session import Session
from wholebody.images.addresses import Gate
from wholebody.images.answers import check_label_studio_status, check_status, host_of, read_body
from wholebody.images.connections import GatedAdapter
from wholebody.label_studio.credential import Credential, lies_under
from wholebody.label_studio.moved import new_base
from wholebody.process.calls import AHEAD
from wholebody.process.memory_budget import Share
from wholebody.settings import Settings

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
TRIES = 2
"""A server that does not answer is asked so often, each time for its share of IMAGE_TIMEOUT_SECONDS."""

MAX_REDIRECTS = 10
REPEATED = (429, 502, 503, 504)
REPEATED_ELSEWHERE = (*REPEATED, 500)
"""Label Studio answers 500 for an upload that it does not have; elsewhere it mostly means another time."""


def open_session(settings: Settings) -> Session:
    """A session that goes where images may come from, repeats GETs that failed for now, and never takes cookies."""
    session, gate = Session(), Gate(settings)
    places: dict[str, tuple[int, ...]] = {"http://": REPEATED_ELSEWHERE, "https://": REPEATED_ELSEWHERE}
    if settings.label_studio_url:
        places[settings.label_studio_url + "/"] = REPEATED
    for place, statuses in places.items():
        retry = PatientRetry(
            total=2,
            connect=TRIES - 1,
            read=TRIES - 1,
            status_forcelist=statuses,
            allowed_methods=("GET",),
            backoff_factor=0.3,
            retry_after_max=3,
            raise_on_status=False,
        )
        session.mount(place, GatedAdapter(gate, pool_size=settings.threads * AHEAD, retry=retry))
    return session


class Fetcher:
    """Fetches addresses. Thread-safe.

    Args:
        settings: Label Studio's address and token, and the limits on where and what is read.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = open_session(settings)
        self._base_url = settings.label_studio_url
        self._credential = None
        if settings.label_studio_url and settings.label_studio_api_token:
            self._credential = Credential(settings.label_studio_url, settings.label_studio_api_token, self._session)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._session.close()

    def fetch(self, url: str, share: Share) -> bytes:
        """The body that the server behind `url` sends, or the one that it redirects to.

        Args:
            url: An http(s) address.
            share: Grows by what is read; by all of it at once, where the server says how much that is.

        Raises:
            ImageError: In one line: what is wrong, and the cure; without the address. Where Label Studio may serve it
                later, an ImageUnavailableError.
        """
        deadline = Deadline(self._settings.image_timeout_seconds)
        cookies, hint = Cookies(), ""
        with deadline.running():
            for _ in range(MAX_REDIRECTS):
                with self._get(url, cookies, deadline) as response:
                    location = self._session.get_redirect_target(response)
                    if location is None:
                        self._check_status(response, url, hint)
                        with self._in_words(url, deadline, is_answered=True):
                            return read_body(response, self._settings.image_max_bytes, deadline, share)
                    hint = self._hint_of_move(response, url)
                    with self._in_words(url, deadline):
                        url = urljoin(url, location)
                        scheme = urlsplit(url).scheme
                    if scheme not in ("http", "https"):
                        raise ImageError("is redirected to something that is not http(s)", cause="image_refused")
        raise ImageError(f"is redirected more than {MAX_REDIRECTS} times")

    def _get(self, url: str, cookies: Cookies, deadline: Deadline) -> requests.Response:
        """One hop. Each hop decides anew whether it goes to Label Studio and may carry the token, or cookies."""
        share = deadline.left() / TRIES
        timeout = (min(CONNECT_TIMEOUT_S, share), min(READ_TIMEOUT_S, share))

        def get(headers: dict[str, str]) -> requests.Response:
            return self._session.get(url, headers=headers, stream=True, allow_redirects=False, timeout=timeout)

        with self._in_words(url, deadline):
            if self._is_label_studio(url):
                return self._credential.send(get) if self._credential else get({})
            response = get(cookies.headers_for(url))
            cookies.take(response)
            return response

    def _is_label_studio(self, url: str) -> bool:
        return self._base_url is not None and lies_under(url, self._base_url)

    def _check_status(self, response: requests.Response, url: str, hint: str) -> None:
        if self._is_label_studio(url):
            check_label_studio_status(response, url, has_token=self._credential is not None)
        else:
            check_status(response, url, hint)

    def _hint_of_move(self, response: requests.Response, url: str) -> str:
        """What to say where a redirect leads from Label Studio to another address of itself, which gets no token."""
        moved = new_base(response, self._base_url) if self._base_url and self._is_label_studio(url) else None
        return f"{self._base_url} redirects there; set LABEL_STUDIO_URL={moved}" if moved else ""

    @contextmanager
    def _in_words(self, url: str, deadline: Deadline, *, is_answered: bool = False) -> Iterator[None]:
        """Whatever goes wrong with a request becomes an ImageError.

        Args:
            url: What is asked for.
            deadline: Of the whole fetch.
            is_answered: Whether the answer has begun: one that is too slow then will not be faster later.
        """
        try:
            yield
        except ImageError:
            raise
        except (OutOfTimeError, requests.RequestException, HTTPError, LabelStudioError, ValueError) as error:
            raise self._error(error, url, deadline, is_answered=is_answered) from None

    def _error(self, error: Exception, url: str, deadline: Deadline, *, is_answered: bool) -> ImageError:
        words = describe_transport(error, url)
        if isinstance(error, OutOfTimeError) or deadline.passed() or words == TIMED_OUT:
            limit = f"IMAGE_TIMEOUT_SECONDS={self._settings.image_timeout_seconds:g}"
            text = f"{host_of(url)}: timed out ({limit})"
            lasts = is_answered or not self._is_label_studio(url)
            return ImageError(text) if lasts else ImageUnavailableError(text, busy=True)
        if isinstance(error, UnavailableError):
            asked_s, busy = error.retry_after_s, error.busy
            return ImageUnavailableError(str(error), cause="label_studio", retry_after_s=asked_s, busy=busy)
        if isinstance(error, LabelStudioError):
            return ImageError(str(error), cause="label_studio")
        if words == NO_ADDRESS:
            return ImageError(words)
        kind = ImageUnavailableError if self._is_label_studio(url) else ImageError
        return kind(f"{host_of(url)}: {words}")
