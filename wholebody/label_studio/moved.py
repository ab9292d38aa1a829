"""What to do where the address of Label Studio answers with a redirect. A call is never sent on to another address."""

import re
from urllib.parse import urljoin

import requests


def describe_move(response: requests.Response, base_url: str) -> str | None:
    """Where Label Studio is instead of at `base_url`, and the cure; `None` for an answer that is no redirect."""
    if not 300 <= response.status_code < 400:
        return None
    asked = response.url.partition("?")[0]
    try:
        target = urljoin(asked, response.headers.get("Location", ""))
    except ValueError:  # no address
        target = response.headers.get("Location", "")
    target = re.sub(r"(?<=//)[^/]*@|[?#].*", "", target)
    target = target.removesuffix(asked.removeprefix(base_url)) or target
    return f"{base_url} redirects to {target[:200]}; set LABEL_STUDIO_URL to the final address"
