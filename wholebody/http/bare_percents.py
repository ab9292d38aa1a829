"""A percent sign in an address that begins no escape: sent as it stands, as browsers send it.

requests and urllib3 take one such sign for a sign that nothing of the address is escaped yet, and escape all of it
again: `/a%20b/100%.jpg` became `/a%2520b/100%25.jpg`.
"""

import re

_MARK = "%EF%B7%90%EF%B7%91"
"""What stands for it on the way through both: the escapes of two noncharacters, which no address has."""


def mark_bare_percents(url: str) -> str:
    """An address whose path and query requests and urllib3 leave as they are."""
    scheme, slashes, rest = url.partition("//")
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    return scheme + slashes + host + re.sub("%(?![0-9A-Fa-f]{2})", _MARK, rest[len(host) :])


def restore_bare_percents(target: str) -> str:
    """What is sent: the target of a request, or the whole address for a proxy."""
    return target.replace(_MARK, "%")
