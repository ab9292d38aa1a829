"""What can go wrong with one call to Label Studio, and which call it happens to: drawn from a seed. Sends nothing."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from enum import Enum

from tests.http_server import Answer

HTML = {"Content-Type": "text/html"}
RETRY_AFTER_S = 1
TRICKLE_PIECES, TRICKLE_PAUSE_S = 10, 0.01
ENDLESS_PIECES, ENDLESS_PAUSE_S = 40, 0.05
"""Each piece comes in time, all of them together do not."""

LOCKED_S = 0.1
"""How long a write waits for the database, which the client is to bear with."""


class Commit(Enum):
    """Whether and when the call is carried out."""

    NEVER = "never"
    BEFORE = "before the answer"
    LATE = "after the answer"


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call.

    Attributes:
        spoil: The proper answer (`None` where the call is not carried out first) -> what is sent.
        wait_s: Seconds before the answer, carried out or not.
        hangs: No answer within the client's read time-out.
        retry_after_s: What the answer asks the client to wait, at least.
    """

    name: str
    commit: Commit
    spoil: Callable[[Answer | None], Answer]
    wait_s: float = 0.0
    hangs: bool = False
    retry_after_s: float = 0.0


def _page(status: int, **headers: str) -> Callable[[Answer | None], Answer]:
    """A proxy's page in place of the proper answer."""
    sent = HTML | {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda proper: Answer(status, f"<html><h1>{status}</h1></html>", headers=sent)


def _until_date(proper: Answer | None) -> Answer:
    """An HTTP date has whole seconds: one more, or the client might have nothing to wait."""
    when = formatdate(int(time.time()) + 1 + RETRY_AFTER_S, usegmt=True)
    return Answer(429, "<html>slow down</html>", headers=HTML | {"Retry-After": when})


def _instead(answer: Answer) -> Callable[[Answer | None], Answer]:
    return lambda proper: answer


def _as_is(proper: Answer | None) -> Answer:
    assert proper
    return proper


def _truncate(proper: Answer | None) -> Answer:
    """JSON that ends in its midst, though HTTP says it is whole."""
    assert proper
    content = proper.content()
    return Answer(proper.status, content[: len(content) // 2], headers=proper.headers)


def _cut(proper: Answer | None) -> Answer:
    """The connection ends in the midst of the body."""
    assert proper
    return Answer(proper.status, proper.content(), headers=proper.headers, stop_after=len(proper.content()) // 2)


def _trickle(pieces: int, pause_s: float) -> Callable[[Answer | None], Answer]:
    def spoil(proper: Answer | None) -> Answer:
        assert proper
        content = proper.content()
        size = len(content) // pieces + 1
        return Answer(proper.status, content, headers=proper.headers, piece_bytes=size, pause_s=pause_s)

    return spoil


_WEB_PAGE = _instead(Answer(200, "<!DOCTYPE html><title>Welcome</title>", headers=HTML))
_GARBAGE = _instead(Answer(200, b"\x00\x9f\x92\x96 garbage \xff", headers={"Content-Type": "application/json"}))
_RESET, _HUNG_UP = _instead(Answer(reset=True)), _instead(Answer(hang_up=True))
_NEVER, _BEFORE, _LATE = Commit

EXPIRED = Fault("401: the access token has expired", _NEVER, _RESET)
"""Only where the token is one that had worked; the front makes the answer."""

BAD_GATEWAY = Fault("502", _NEVER, _page(502))

FAULTS: dict[Fault, float] = {
    Fault("429", _NEVER, _page(429)): 5,
    Fault("429 with Retry-After in seconds", _NEVER, _page(429, Retry_After=str(RETRY_AFTER_S)), 0, False, 1.0): 1,
    Fault("429 with Retry-After as a date", _NEVER, _until_date, 0, False, 1.0): 0.5,
    Fault("500", _NEVER, _page(500)): 5,
    Fault("500 after the commit", _BEFORE, _page(500)): 5,
    BAD_GATEWAY: 5,
    Fault("503", _NEVER, _page(503)): 5,
    Fault("503 with Retry-After in seconds", _NEVER, _page(503, Retry_After=str(RETRY_AFTER_S)), 0, False, 1.0): 0.5,
    Fault("504", _NEVER, _page(504)): 5,
    Fault("504 after the commit", _BEFORE, _page(504)): 5,
    Fault("504, committed later", _LATE, _page(504)): 5,
    Fault("reset before the commit", _NEVER, _RESET): 5,
    Fault("reset after the commit", _BEFORE, _RESET): 5,
    Fault("reset, committed later", _LATE, _RESET): 3,
    Fault("no answer, not committed", _NEVER, _HUNG_UP): 3,
    Fault("no answer after the commit", _BEFORE, _HUNG_UP): 5,
    Fault("time-out, not committed", _NEVER, _RESET, 0, True): 1,
    Fault("time-out after the commit", _BEFORE, _RESET, 0, True): 2,
    Fault("time-out, committed later", _LATE, _RESET, 0, True): 2,
    Fault("garbage", _NEVER, _GARBAGE): 3,
    Fault("garbage after the commit", _BEFORE, _GARBAGE): 3,
    Fault("a web page with 200", _NEVER, _WEB_PAGE): 3,
    Fault("a web page with 200 after the commit", _BEFORE, _WEB_PAGE): 3,
    Fault("JSON that ends early", _BEFORE, _truncate): 4,
    Fault("an answer cut off", _BEFORE, _cut): 4,
    Fault("an answer in a slow trickle", _BEFORE, _trickle(TRICKLE_PIECES, TRICKLE_PAUSE_S)): 3,
    Fault("an answer in an endless trickle", _BEFORE, _trickle(ENDLESS_PIECES, ENDLESS_PAUSE_S)): 1,
    Fault("a write held up by a lock", _BEFORE, _as_is, LOCKED_S): 2,
    EXPIRED: 3,
}
PROPER = Fault("", _BEFORE, _as_is)


class FaultPlan:
    """Which fault the n-th request meets: the same for the same seed, whatever happened before."""

    def __init__(self, seed: int, rate: float) -> None:
        self._seed, self._rate = seed, rate

    def fault(self, number: int) -> Fault:
        """The fault of a request; `PROPER` for none."""
        draw = random.Random(f"fault {self._seed} {number}")
        if draw.random() >= self._rate:
            return PROPER
        return draw.choices(list(FAULTS), list(FAULTS.values()))[0]

    def late_s(self, number: int, longest_s: float) -> float:
        """How long after its answer a late commit happens."""
        return random.Random(f"late {self._seed} {number}").uniform(0.1, 1.0) * longest_s


class Moment(Enum):
    """When in the life of a request the client is killed."""

    ARRIVED = "on arrival"
    COMMITTED = "before the answer"
    ANSWERED = "after the answer"


class KillPlan:
    """At which requests the client is killed: `count` of them among the first `requests`."""

    def __init__(self, seed: int, count: int, requests: int) -> None:
        draw = random.Random(f"kill {seed}")
        step = requests // max(1, count)  # one in each part: two close together would kill one process twice
        self._moments = {
            part * step + draw.randrange(step // 4, step): draw.choice(list(Moment)) for part in range(count)
        }

    def moment(self, number: int) -> Moment | None:
        """When to kill the client that sent the n-th request."""
        return self._moments.get(number)
