"""Nothing is kept of requests: some of all that were sent go the same way again and again, last of all files here."""

from collections.abc import Iterator

import pytest

from tests.fuzz import scale
from tests.fuzz.conftest import lines
from tests.fuzz.harness import MEGABYTE, Harness
from tests.fuzz.strategies import as_json
from tests.fuzz.test_predict import REQUEST

KIND = "sent again"
TIMES = 20 if scale.FULL else 2
FEWEST = 20
GROWTH_OF_ANY_RUN_BYTES = 2 * MEGABYTE
GROWTH_OF_A_REQUEST_BYTES = 2000
"""What a fault would keep is a body or an answer, of 10 kB and more."""


@pytest.fixture
def some(harness: Harness) -> Iterator[Harness]:
    """Requests sent before, or where this file runs alone, a few."""
    for number in range(FEWEST - len(harness.some)):
        harness.send(KIND, "POST", "/predict", data=as_json(REQUEST | {"project": number}))
    yield harness


def test_memory_does_not_grow_with_the_number_of_requests(some: Harness) -> None:
    requests = list(some.some)

    def send_all() -> int:
        for method, path, request in requests:
            scale.ran[KIND] += 1
            some.client.open(path, method=method, **request)
        return some.memory.trimmed()

    before = send_all()
    after = [send_all() for _ in range(TIMES)][-1]
    grown = f"{(after - before) / MEGABYTE:.1f} MB over {len(requests) * TIMES} requests sent again"
    lines.append(f"memory of this process grew by {grown}")
    limit_bytes = GROWTH_OF_ANY_RUN_BYTES + GROWTH_OF_A_REQUEST_BYTES * len(requests) * TIMES
    assert after - before < limit_bytes, grown
