"""The two kinds of token in the hands of the client; `Credential` has its own tests."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fake_label_studio import (
    LEGACY_DISABLED,
    LEGACY_TOKEN,
    NO_CREDENTIALS,
    PERSONAL_TOKEN,
    PREDICTIONS,
    PROJECT,
    REFRESH,
    FakeLabelStudio,
    http,
    jwt,
    settings_for,
)
from wholebody.errors import AuthenticationError
from wholebody.label_studio.client import LabelStudioClient
from wholebody.predictions import Prediction
from wholebody.process.stopping import Stop

PREDICTION = Prediction(result=[], score=0.5, model_version="v1")


@pytest.fixture
def fake() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as running:
        running.add_tasks(1, 2)
        yield running


def client_of(fake: FakeLabelStudio, token: str = PERSONAL_TOKEN, **changes: Any) -> LabelStudioClient:
    return LabelStudioClient(settings_for(fake, label_studio_api_token=token, **changes), Stop())


def test_personal_token_is_exchanged_once_and_sent_to_the_exchange_alone(fake: FakeLabelStudio) -> None:
    client = client_of(fake)
    client.project(1)
    client.save_prediction(1, PREDICTION)
    (access,) = fake.access_tokens
    first, *others = fake.requests
    assert (first.path, first.json(), first.authorization) == (REFRESH, {"refresh": PERSONAL_TOKEN}, None)
    assert {request.authorization for request in others} == {f"Bearer {access}"}


def test_expired_access_token_is_renewed_and_the_call_made_again(fake: FakeLabelStudio) -> None:
    client = client_of(fake, max_retries=0)
    client.save_prediction(1, PREDICTION)

    def expire_before_the_write(request: Any) -> None:
        if request.method == "POST" and request.path == PREDICTIONS and len(fake.asked("POST", REFRESH)) == 1:
            fake.access_tokens.clear()

    fake.before = expire_before_the_write
    assert client.save_prediction(2, PREDICTION)
    assert fake.predicted() == [1, 2]
    assert len(fake.asked("POST", REFRESH)) == 2
    assert len(fake.posts()) == 3  # of which one was refused


def test_access_token_is_renewed_before_it_expires(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("wholebody.label_studio.credential.time.monotonic", lambda: now)
    client = client_of(fake)
    refreshes = []
    for after_s in (0, 239, 2, 239):
        now += after_s
        client.project(1)
        refreshes.append(len(fake.asked("POST", REFRESH)))
    assert refreshes == [1, 1, 2, 2]
    assert len(fake.asked("GET", PROJECT)) == 4  # none was refused


@pytest.mark.parametrize("fault", [http(429), http(502)])
def test_exchange_that_fails_for_now_is_repeated(fake: FakeLabelStudio, fault: Any) -> None:
    fake.fail("POST", REFRESH, fault, fault, fault)
    assert client_of(fake, max_retries=3).project(1).id == 1


@pytest.mark.parametrize(
    ("token", "state", "message"),
    [
        (
            PERSONAL_TOKEN,
            {"revoked": True},
            "Label Studio refuses the personal access token (Token is blacklisted); "
            "create a new one in Account & Settings and set LABEL_STUDIO_API_TOKEN",
        ),
        (
            jwt("refresh", 7),
            {},
            "Label Studio refuses the personal access token (Token is invalid); "
            "create a new one in Account & Settings and set LABEL_STUDIO_API_TOKEN",
        ),
        (
            LEGACY_TOKEN,
            {"legacy_enabled": False},
            f"Label Studio does not accept the token ({LEGACY_DISABLED}); check LABEL_STUDIO_API_TOKEN",
        ),
        (
            LEGACY_TOKEN[::-1],
            {},
            "Label Studio does not accept the token (Invalid token.); check LABEL_STUDIO_API_TOKEN",
        ),
    ],
)
def test_refused_token_is_not_tried_again(
    fake: FakeLabelStudio, token: str, state: dict[str, bool], message: str
) -> None:
    for name, value in state.items():
        setattr(fake, name, value)
    with pytest.raises(AuthenticationError, match=f"^{re.escape(message)}$"):
        client_of(fake, token).project(1)
    assert len(fake.requests) == 1


def test_access_tokens_that_never_work(fake: FakeLabelStudio) -> None:
    """Personal access tokens are off for the organization: the exchange works, what it gives does not."""
    fake.before = lambda request: fake.access_tokens.clear() if request.path != REFRESH else None
    message = f"Label Studio does not accept the token ({NO_CREDENTIALS}); check LABEL_STUDIO_API_TOKEN"
    with pytest.raises(AuthenticationError, match=f"^{re.escape(message)}$"):
        client_of(fake).project(1)
    assert len(fake.asked("GET", PROJECT)) == 2


def test_access_token_given_in_place_of_a_personal_one(fake: FakeLabelStudio) -> None:
    message = (
        "LABEL_STUDIO_API_TOKEN is an access token, which lives five minutes; "
        "give the personal access token from Account & Settings"
    )
    with pytest.raises(AuthenticationError, match=f"^{re.escape(message)}$"):
        client_of(fake, jwt("access"))
