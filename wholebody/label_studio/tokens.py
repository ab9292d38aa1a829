"""Which tokens a release of Label Studio knows, and so what to do about one that it refuses."""

import re

import orjson
import requests

from wholebody.http.session import Session

PERSONAL_SINCE = (1, 17)
"""Personal access tokens came with 1.17.0; before, each user has one access token, which later is called legacy."""

TIMEOUT_S = (5.0, 10.0)

CREATE = "create a personal access token in Account & Settings and set LABEL_STUDIO_API_TOKEN"
COPY = "copy the access token from Account & Settings into LABEL_STUDIO_API_TOKEN"


def read_release(session: Session, base_url: str) -> str:
    """The release that Label Studio says it is, such as `1.23.2`; `""` where it does not say."""
    try:
        response = session.get(f"{base_url}/api/version/", timeout=TIMEOUT_S, allow_redirects=False)
        answer = orjson.loads(response.content)
    except (requests.RequestException, orjson.JSONDecodeError):
        return ""
    release = answer.get("release") if isinstance(answer, dict) else None
    return release if isinstance(release, str) else ""


def knows_personal_tokens(release: str) -> bool:
    """Whether a release has them; also where it is not known."""
    numbers = re.match(r"(\d{1,9})\.(\d{1,9})", release)
    return numbers is None or (int(numbers[1]), int(numbers[2])) >= PERSONAL_SINCE


def cure_for(release: str) -> str:
    """What to do about a token that is refused."""
    return CREATE if knows_personal_tokens(release) else COPY
