"""What to do where the address of Label Studio answers with a redirect. The token is not sent on to another one."""

import re
from contextlib import suppress
from urllib.parse import urljoin

import requests


def describe_move(response: requests.Response, base_url: str) -> str | None:
    """Where Label Studio is instead of at `base_url`, and the cure; `None` for an answer that is no redirect."""
    if not 300 <= response.status_code < 400:
        return None
    target = new_base(response, base_url) or _target(response)
    return f"{base_url} redirects to {target[:200]}; set LABEL_STUDIO_URL to the final address"


def new_base(response: requests.Response, base_url: str) -> str | None:
    """The address that has all under it that was under `base_url`, as a redirect to https does; else `None`."""
    target, path = _target(response), response.url.partition("?")[0].removeprefix(base_url)
    return target.removesuffix(path) if target.endswith(path) and target != path else None


def _target(response: requests.Response) -> str:
    location = response.headers.get("Location", "")
    with suppress(ValueError):  # no address: as it stands
        location = urljoin(response.url, location)
    return re.sub(r"(?<=//)[^/]*@|[?#].*", "", location)
