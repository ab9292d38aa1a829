"""What is sent: JSON of all shapes, requests as Label Studio makes them with something changed, and damaged bytes."""

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

DEEP = 10_000

numbers = st.one_of(
    st.integers(),
    st.integers(-3, 3),
    st.floats(),
    st.sampled_from(
        [0, -0.0, 1e400, -1e400, math.nan, 1e308, 5e-324, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400, 1e6]
    ),
)
"""NaN and Infinity are written as Python writes them, which is no JSON."""

texts = st.one_of(
    st.text(st.characters(codec=None), max_size=20),
    st.sampled_from(
        [
            "",
            " ",
            "\0",
            "\ud800",
            "\udfff\ud800",
            "\r\nSet-Cookie: a=b",
            "%s%n{0}${x}",
            "../../etc/passwd",
            "a" * 10_000,
            "\u202e\u2028",
            "__proto__",
            "-1",
            "1e999",
        ]
    ),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=8,
)
LEVELS = 1000
"""As deep as the server's parser reads; Python's own cannot even write it."""

NESTED = {"<lists>": b"[" * LEVELS + b"]" * LEVELS, "<objects>": b'{"a":' * LEVELS + b"1" + b"}" * LEVELS}
"""What stands in a body in place of these strings."""

json_values = st.one_of(values, st.sampled_from(list(NESTED)))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value in a JSON value, its own first."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def with_change(value: Any, path: tuple[Any, ...], change: str, new: Any) -> Any:
    """A copy of a JSON value with the one at a path replaced, removed, wrapped or repeated."""
    if not path:
        return new if change == "replace" else [copy.deepcopy(value)]
    value = copy.deepcopy(value)
    inside = value
    for key in path[:-1]:
        inside = inside[key]
    key = path[-1]
    if change == "remove":
        del inside[key]
    elif change == "wrap":
        inside[key] = [inside[key]]
    elif change == "repeat":
        inside[key] = [inside[key]] * 50
    else:
        inside[key] = new
    return value


CHANGES = st.sampled_from(["replace", "replace", "remove", "wrap", "repeat"])


@st.composite
def changed(draw: st.DrawFn, base: Any, most: int = 3) -> Any:
    """A request with up to `most` of its values changed."""
    value = base
    for _ in range(draw(st.integers(1, most))):
        paths = list(places(value))[:400]
        path = paths[draw(st.integers(0, len(paths) - 1))]
        change = draw(CHANGES)
        value = with_change(value, path, change, draw(json_values))
    return value


def as_json(value: Any, ascii_only: bool = True) -> bytes:
    """A body. Half characters stay as they are: escaped, or in bytes that are no UTF-8."""
    body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    for text, nested in NESTED.items():
        body = body.replace(json.dumps(text).encode(), nested)
    return body


SPLICES = [
    b"",
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\xef\xbb\xbf",
    b"NaN",
    b"-Infinity",
    b"1e400",
    b"9" * 400,
    b"0x10",
    b"01",
    b'"\\ud800"',
    b'"\\u0000"',
    b'"\\x"',
    b'"tasks": 1, "tasks": [], ',
    b"[" * DEEP,
    b'{"a":' * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b"// comment\n",
    b"}" * 100,
    b",",
    b'"',
]
"""What is put somewhere into a body."""

PATCHES = st.sampled_from(SPLICES)
KINDS = st.sampled_from(["changed", "changed", "damaged", "damaged", "json", "bytes"])


@st.composite
def bodies(draw: st.DrawFn, base: Any) -> bytes:
    """A body: a changed request, any JSON, one with damaged bytes, or any bytes at all."""
    kind = draw(KINDS)
    if kind == "bytes":
        return draw(st.binary(max_size=200))
    if kind == "json":
        return as_json(draw(json_values), draw(st.booleans()))
    body = as_json(draw(changed(base)) if kind == "changed" else base, draw(st.booleans()))
    if kind == "damaged":
        for _ in range(draw(st.integers(1, 3))):
            start = draw(st.integers(0, len(body)))
            end = min(len(body), start + draw(st.integers(0, 20)))
            body = body[:start] + draw(PATCHES) + body[end:]
        body = body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body
    return body
