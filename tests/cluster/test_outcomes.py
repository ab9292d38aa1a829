"""Errors travel as values: the same type, text and attributes, and nothing else of them."""

import pickle

import pytest
import requests

from tests.fake_label_studio import LEGACY_TOKEN
from wholebody import errors
from wholebody.cluster.outcomes import Failure, restored
from wholebody.errors import ImageError, ImageUnavailableError, ModelError, UnavailableError, WholebodyError

KINDS = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, WholebodyError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_comes_back_as_it_was(kind: type[WholebodyError]) -> None:
    error = kind("what is wrong")
    again = pickle.loads(pickle.dumps(Failure.of(error))).error()
    assert type(again) is kind
    assert (str(again), vars(again), again.cause) == (str(error), vars(error), error.cause)


def test_attributes_that_steer_a_run_come_along() -> None:
    again = Failure.of(ImageUnavailableError("503", "7.png", retry_after_s=3.0, busy=True)).error()
    assert isinstance(again, ImageError) and isinstance(again, UnavailableError)
    assert (again.reason, again.reference, again.retry_after_s, again.busy) == ("503", "7.png", 3.0, True)


def test_what_is_behind_an_error_stays_on_the_worker() -> None:
    request = requests.Request("GET", "http://a/", headers={"Authorization": f"Token {LEGACY_TOKEN}"}).prepare()
    cause = requests.ConnectionError("refused", request=request)
    error = ModelError("it failed")
    error.__cause__ = error.__context__ = cause
    error.request = request  # type: ignore[attr-defined]
    for one in (error, cause):
        assert LEGACY_TOKEN.encode() not in pickle.dumps(Failure.of(one))


def test_of_an_error_that_is_not_ours_only_its_kind_is_said() -> None:
    again = restored(Failure.of(KeyError("data:image/png;base64,AAAA")))
    assert type(again) is WholebodyError
    assert str(again) == "unexpected KeyError on a worker, whose log says where"
