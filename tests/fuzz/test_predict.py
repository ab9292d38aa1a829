"""Any request to /predict is answered as described, with the toy model, and the next right one rightly."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import heavy, scale
from tests.fuzz.harness import Harness
from tests.fuzz.labeling_configs import GOOD
from tests.fuzz.pictures import NOBODY, PEOPLE
from tests.fuzz.strategies import as_json, bodies, changed, json_values, numbers, texts

BODY, TASKS, PROMPTS = "/predict, body", "/predict, tasks", "/predict, prompts"

REFERENCES = [
    *("", " ", "\0", "data:", "data:,", "data:image/png;base64", "data:image/png;base64,AAAA", "data:,%", "data:,%zz"),
    *("data:;base64,====", "data:image/png;base64,\u00e9", "DATA:IMAGE/PNG;BASE64,", "data:image/svg+xml,<svg/>"),
    *("/etc/passwd", "file:///etc/passwd", "../x.jpg", "C:\\x.jpg", "//host/x", "\\\\host\\x", "javascript:alert(1)"),
    *(
        "/data/upload/1/x.jpg",
        "/data/../api/users",
        "/data/local-files/?d=../../x",
        "s3://b/k",
        "gs://",
        "azure-blob://x",
    ),
    *("ftp://127.0.0.1/x", "gopher://127.0.0.1:1/_x", "http://", "http:///x", "http://[", "http://[::1", "http://:80/"),
    *(
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:-1/",
        "http://127.0.0.1:x/",
        "http://\u0000/",
        "http://127.0.0.1:1/\r\nX: y",
    ),
    *("http://a" + "b" * 300 + "/", "http://xn--/", "http://.../", "http://%zz/", "http://user:pass@[127.0.0.1]/x"),
]


TASK = {
    "id": 5001,
    "data": {"image": NOBODY},
    "meta": {},
    "is_labeled": False,
    "total_annotations": 0,
    "project": 2,
    "annotations": [],
    "predictions": [{"id": 1, "result": [{"id": "a", "type": "choices", "value": {"choices": ["x"]}}]}],
}
PARAMS = {"login": None, "password": None, "context": None}
REQUEST = {"tasks": [TASK], "project": "2.1795446367", "label_config": GOOD, "params": PARAMS}


@scale.cases(BODY)
@given(body=bodies(REQUEST))
def test_any_body(harness: Harness, body: bytes) -> None:
    harness.send(BODY, "POST", "/predict", data=body)


NEW_TEXT = st.one_of(st.text("ABCDabcd0123+/=", max_size=40), st.sampled_from(["", "%", "\0", ",", ";base64,"]))


@st.composite
def damaged(draw: st.DrawFn, reference: str) -> str:
    """A data URI with some of its characters changed: a picture that is cut, or holds what it should not."""
    start = draw(st.integers(0, len(reference)))
    end = start + draw(st.integers(0, 40))
    new = draw(NEW_TEXT)
    whole = reference[:start] + new + reference[end:]
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole


references = st.one_of(st.sampled_from([PEOPLE, NOBODY, *REFERENCES]), damaged(PEOPLE), damaged(NOBODY), json_values)
tasks = st.fixed_dictionaries(
    {"data": st.one_of(st.fixed_dictionaries({"image": references}), json_values)},
    optional={"id": st.one_of(numbers, texts, json_values), "predictions": json_values},
)


@scale.cases(TASKS)
@given(given_tasks=st.lists(tasks, max_size=4))
def test_any_tasks(harness: Harness, given_tasks: list[Any]) -> None:
    response = harness.send(TASKS, "POST", "/predict", data=as_json({"tasks": given_tasks, "label_config": GOOD}))
    if response.status_code == 200:
        assert len(response.json["results"]) == len(given_tasks)  # type: ignore[index]


def region(kind: str, **more: Any) -> dict[str, Any]:
    """What Label Studio sends of something drawn."""
    value = {"x": 10.5, "y": 20, "width": 40, "height": 60.25, "rotation": 10}
    sizes = {"original_width": 640, "original_height": 480, "image_rotation": 0}
    return {"id": "a", "type": kind, "from_name": "p", "to_name": "img", "value": value, **sizes, **more}


kinds = st.sampled_from(["rectangle", "rectanglelabels", "keypoint", "keypointlabels"])
odd_values = st.fixed_dictionaries(dict.fromkeys(("x", "y", "width", "height", "rotation"), numbers))
regions = st.lists(
    st.one_of(
        st.builds(region, kinds, is_positive=st.booleans()),
        st.builds(region, kinds, value=odd_values, original_width=numbers, original_height=numbers),
        st.builds(region, kinds).flatmap(lambda right: changed(right, most=2)),
    ),
    min_size=1,
    max_size=4,
)
contexts = st.builds(lambda drawn: {"result": drawn}, regions)


@scale.cases(PROMPTS)
@given(context=st.one_of(contexts, contexts.flatmap(lambda right: changed(right, most=1))))
def test_any_prompt(harness: Harness, context: Any) -> None:
    task = {"id": 7, "data": {"image": PEOPLE}}
    body = {"tasks": [task], "label_config": GOOD, "params": {"context": context}}
    harness.send(PROMPTS, "POST", "/predict", data=as_json(body))


@pytest.mark.parametrize("name", heavy.PREDICT_BODIES if scale.FULL else heavy.QUICK_PREDICT_BODIES)
def test_a_large_body_is_answered_in_time(harness: Harness, name: str) -> None:
    response = harness.send(BODY, "POST", "/predict", data=heavy.predict_body(name, REQUEST, PEOPLE))
    assert len(response.get_data()) < 5_000_000
