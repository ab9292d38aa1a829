"""Which tokens a release of Label Studio knows, and so what to do about one that it refuses."""

import orjson
import requests
from packaging.version import Version

from wholebody.http.session import Session
from wholebody.label_studio.releases import PERSONAL_TOKENS, read_release

TIMEOUT_S = (5.0, 10.0)

CREATE = "create a personal access token in Account & Settings and set LABEL_STUDIO_API_TOKEN"
COPY = "copy the access token from Account & Settings into LABEL_STUDIO_API_TOKEN"


def ask_release(session: Session, base_url: str) -> Version | None:
    """Which Label Studio answers at an address; `None` where it does not say."""
    try:
        response = session.get(f"{base_url}/api/version/", timeout=TIMEOUT_S, allow_redirects=False)
        return read_release(orjson.loads(response.content))
    except (requests.RequestException, orjson.JSONDecodeError):
        return None


def knows_personal_tokens(release: Version | None) -> bool:
    """Whether a release has them; also where it is not known."""
    return release is None or release >= PERSONAL_TOKENS


def cure_for(release: Version | None) -> str:
    """What to do about a token that is refused."""
    return CREATE if knows_personal_tokens(release) else COPY
