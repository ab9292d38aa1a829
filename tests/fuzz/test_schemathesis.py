"""schemathesis: requests that it makes from the description, and answers that it holds against it."""

from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz import scale
from tests.fuzz.harness import Harness
from tests.fuzz.labeling_configs import GOOD
from wholebody.serving.openapi import describe_api

KIND = "schemathesis"
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
)


DESCRIBED = [(method, path) for path, item in describe_api()["paths"].items() for method in item]
TAKES_ANYTHING = ("/webhook", *(path for method, path in DESCRIBED if method == "get"))
CASES = [
    (method, path, mode)
    for method, path in DESCRIBED
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or path not in TAKES_ANYTHING
]


@pytest.fixture(scope="package")
def schema(harness: Harness) -> Any:
    """The description as the app serves it."""
    return schemathesis.openapi.from_wsgi("/openapi.json", harness.client.application)


@pytest.mark.parametrize(("method", "path", "mode"), CASES)
def test_answers_are_as_described(harness: Harness, schema: Any, method: str, path: str, mode: GenerationMode) -> None:
    @scale.cases(KIND, among=sum(method == "post" for method, _, _ in CASES))
    @given(case=schema[path][method].as_strategy(generation_mode=mode), fillable=st.booleans())
    def call(case: schemathesis.Case, fillable: bool) -> None:
        if fillable and isinstance(case.body, dict):  # of text alone schemathesis never makes a labeling config
            case.body |= {key: GOOD for key in ("schema", "label_config") if key in case.body}
        scale.ran[KIND] += 1
        with harness.case():
            response = case.call_and_validate(checks=list(CHECKS))
        scale.answers[response.status_code] += 1
        harness.check_that_it_works()

    call()
