"""Values of labeling configs, resolved as the editor does."""

import pytest

from wholebody.labeling.task_values import resolve, variables

DATA = {
    "image": "/data/a.jpg",
    "media": {"image": "b.jpg", "list": ["c.jpg", {"url": "d.jpg"}]},
    "images": ["e.jpg", "f.jpg"],
    "a.b": "whole key",
    "größe": "g.jpg",
    "my file": "h.jpg",
    "number": 7,
    "yes": True,
    "null": None,
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("$image", "/data/a.jpg"),
        ("$images", ["e.jpg", "f.jpg"]),
        ("$media.image", "b.jpg"),
        ("$images[1]", "f.jpg"),
        ("$media.list[1].url", "d.jpg"),
        ("$media[list][0]", "c.jpg"),
        ("$media['list'][0]", None),  # a text with two variables and quotes: `$media` is no text
        # a key goes before a path of the same name
        ("$a.b", "whole key"),
        # such a key is no variable of the editor's, which shows nothing then
        ("$größe", "g.jpg"),
        ("$my file", "h.jpg"),
        ("$number", 7),
        ("$null", None),
        # what is not there
        ("$other", None),
        ("$images[2]", None),
        ("$images[-1]", None),
        ("$images[" + "9" * 5000 + "]", None),
        ("$image.length", None),
        ("$media.list.url", None),
        # variables in a text
        ("/data/local-files/?d=x/$media.image", "/data/local-files/?d=x/b.jpg"),
        ("http://$number/$images[0]?yes=$yes", "http://7/e.jpg?yes=true"),
        ("http://host/$other.jpg", None),
        ("http://host/$images", None),
        # a text without any
        ("http://host/a.jpg", "http://host/a.jpg"),
        ("", ""),
        ("$", "$"),
        ("costs 5$", "costs 5$"),
    ],
)
def test_a_value_of_a_task(value: str, expected: object) -> None:
    assert resolve(value, DATA) == expected


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_data_that_is_none(data: object) -> None:
    assert resolve("$image", data) is None
    assert resolve("http://host/a.jpg", data) == "http://host/a.jpg"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("$image", ["image"]), ("x/$a.b/$c[0]", ["a.b", "c[0]"]), ("$größe", ["größe"]), ("http://host/a.jpg", [])],
)
def test_the_variables_of_a_value(value: str, expected: list[str]) -> None:
    assert variables(value) == expected
