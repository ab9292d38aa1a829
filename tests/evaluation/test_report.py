"""What the report says, and that nothing in it is more than text."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.made_up import metrics
from tests.evaluation.worst_people import corrected, image, see
from wholebody.errors import DatasetError
from wholebody.evaluation.pairing import UNNAMED
from wholebody.evaluation.person_pictures import Cutting, PersonPicture
from wholebody.evaluation.report.page import render, shown_versions, write_report
from wholebody.evaluation.worst import WorstPeople

HOSTILE = "\"'><script>alert(1)</script><img src=http://198.51.100.7/x onerror=alert(2)>{{ 7*7 }}</title></style>"
LABEL_STUDIO = "https://labels.example.com/ls"
NOTHING = {
    "all": {"predicted": 0, "unmoved": 0, "moved": 0, "deleted": 0, "added": 0, "hidden": 0},
    "parts": {},
    "keypoints": {},
}
"""The points of a version from which no annotation came."""


class Tags(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] != "style":
            self.words.append(data)

    def values(self, tag: str, attribute: str) -> list[str]:
        return [
            str(attributes[attribute]) for name, attributes in self.found if name == tag and attribute in attributes
        ]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words).replace("\N{NARROW NO-BREAK SPACE}", " "))


def people(number: object = 7, count: int = 1, **changes: Any) -> list[PersonPicture]:
    worst = WorstPeople()
    for seed in range(count):
        pair = corrected({9: 30.0, 10: 5.0}, deleted=(1,), added=(2,), seed=seed)
        see(worst, image(pair, number=number))  # type: ignore[arg-type]
    cutting = Cutting((40.0, 40.0, 200.0, 260.0), b"\xff\xd8")
    return [PersonPicture(replace(person, **changes), cutting) for person in worst.people("a")]


def poisoned(given: Any) -> Any:
    """The same with hostile text in place of every text, names of model versions and people among them."""
    if isinstance(given, dict):
        free = ("model_versions", "annotators")
        return {
            key: {f"{name}{HOSTILE}": poisoned(one) for name, one in value.items()}
            if key in free and isinstance(value, dict)
            else poisoned(value)
            for key, value in given.items()
        }
    if isinstance(given, list):
        return [poisoned(one) for one in given]
    return HOSTILE if isinstance(given, str) else given


def test_the_top_says_it_in_ten_seconds() -> None:
    text = Tags(render(metrics(), [])).text
    headline = re.search(r"(\d+) % of the points were left where they were predicted", text)
    assert headline
    assert "412 tasks, 415 pictures and 1 630 people" in text
    assert "97 % of people found" in text
    assert "44 missed; 16 found where nobody is" in text
    assert "34 % of corrections in the least certain tenth" in text
    assert "Right hand is the worst part" in text
    assert "Left and right were the wrong way round on 14 people." in text


def test_a_version_is_compared_with_the_one_before() -> None:
    assert "points of points" not in Tags(render(metrics("a"), [])).text
    text = Tags(render(metrics("a", "b"), [])).text
    assert re.search(r"▲ \+\d\.\d points", text)
    assert "as the version before" in text  # people were found as before


def test_a_column_for_each_version() -> None:
    tags = Tags(render(metrics("one", "two", "three"), []))
    (head, *_) = re.findall(r"<thead>(.*?)</thead>", render(metrics("one", "two", "three"), []), re.DOTALL)
    assert [name for name in ("one", "two", "three") if name in head] == ["one", "two", "three"]
    assert tags.text.count("Whole body") == 2  # AP and AR


def test_keypoints_from_worst_to_best() -> None:
    given = metrics("a")
    keypoints = given["model_versions"]["a"]["points"]["keypoints"]
    keypoints["left_knee"] |= {"predicted": 100, "unmoved": 1}
    keypoints["nose"] |= {"predicted": 100, "unmoved": 100, "moved_share": {"median": None, "p95": None}}
    keypoints["right_ear"] |= {"predicted": 2, "unmoved": 0, "added": 0}
    names = re.findall(r'<th class="t" scope="row" title="[^"]+">([\w-]+)</th>', render(given, []))
    assert len(names) == 133
    assert (names[0], names[-2], names[-1]) == ("left_knee", "nose", "right_ear")


def test_people_lead_to_their_tasks() -> None:
    tags = Tags(render(metrics(), people(7), LABEL_STUDIO))
    assert f"{LABEL_STUDIO}/projects/3/data?task=7" in tags.values("a", "href")
    assert tags.values("image", "href") == ["data:image/jpeg;base64,/9g="]
    assert "2 moved, 1 deleted, 1 added of 133 points" in tags.text
    assert "farthest left_wrist, 15 % of the box" in tags.text


@pytest.mark.parametrize(("label_studio", "project"), [("", 3), (LABEL_STUDIO, None)])
def test_no_link_where_the_address_is_not_known(label_studio: str, project: int | None) -> None:
    given = metrics() | {"source": {"tasks": "export.json"} if project is None else {"project": project}}
    tags = Tags(render(given, people(7, project=project), label_studio))
    assert not [href for href in tags.values("a", "href") if not href.startswith("#")]
    assert "Task 7" in tags.text


def test_a_picture_that_is_gone_is_named() -> None:
    (person,) = people(7, reference="/data/upload/3/gone.jpg")
    gone = replace(person, cutting=None, missing="HTTP 404: there is no such file")
    tags = Tags(render(metrics(), [gone]))
    assert "/data/upload/3/gone.jpg HTTP 404: there is no such file" in tags.text
    assert tags.values("image", "href") == []
    assert "Of 1 person above the picture could not be had" in tags.text


def test_no_signature_of_an_address_is_written() -> None:
    (person,) = people(7, reference="https://user:secret@bucket.example.com/a.jpg?X-Amz-Signature=5ec3e7")
    text = render(metrics(), [replace(person, cutting=None, missing="HTTP 403")])
    assert "bucket.example.com/a.jpg" in text
    assert "secret" not in text
    assert "5ec3e7" not in text


def test_what_was_left_out() -> None:
    assert "a task without an annotation 31 8, 9, 12" in Tags(render(metrics(), [])).text
    given = metrics()
    given["counts"]["left_out"] = []
    assert "Nothing: every task counts." in Tags(render(given, [])).text


def test_words_of_tasks_stay_words() -> None:
    (person,) = people(HOSTILE, reference=HOSTILE, annotator=HOSTILE, project=HOSTILE)
    plain = Tags(render(metrics(), people(7), LABEL_STUDIO))
    for picture in (person, replace(person, cutting=None, missing=HOSTILE)):
        text = render(poisoned(metrics()), [picture], LABEL_STUDIO)
        assert "<script" not in text
        assert "49" not in re.findall(r"onerror=alert\(2\)&gt;(.{2})", text)
        kinds = {tag for tag, _ in Tags(text).found}
        assert kinds <= {tag for tag, _ in plain.found}
        assert not [names for _, names in Tags(text).found if any(name.startswith("on") for name in names)]
    assert Tags(text).text.count("<script>alert(1)</script>") > 10, "hostile text is not shown: this shows nothing"


def test_nothing_is_fetched_from_anywhere() -> None:
    tags = Tags(render(metrics(), people(7, count=3), LABEL_STUDIO))
    linked = [(tag, name) for tag, names in tags.found for name in names if name in ("src", "href", "srcset", "action")]
    assert set(linked) == {("a", "href"), ("image", "href")}
    assert all(uri.startswith("data:") for uri in tags.values("image", "href"))
    (policy,) = [names["content"] for tag, names in tags.found if names.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert "url(" not in render(metrics(), [])


def emptied(given: Any) -> Any:
    """The same with nothing in place of every number."""
    if isinstance(given, dict):
        return {key: emptied(value) for key, value in given.items()}
    if isinstance(given, list):
        return [emptied(one) for one in given]
    return None if isinstance(given, float) else given


def test_numbers_that_are_missing_are_dashes() -> None:
    text = Tags(render(emptied(metrics("a")), people())).text
    assert "None" not in text
    assert "nan" not in text.lower().split()
    assert "Whole body \N{EN DASH}" in text


def test_nothing_to_compare() -> None:
    given = metrics() | {"model_versions": {}, "annotators": {}, "agreement": None}
    assert "There is nothing to compare yet" in Tags(render(given, [])).text


def test_annotators_who_can_be_compared_with_each_other_alone() -> None:
    given = metrics() | {"model_versions": {}, "annotators": {}}
    given["counts"] |= {"tasks": 0, "images": 0, "people": 0}
    text = Tags(render(given, [])).text
    assert "Annotators agree with an OKS of 0.910; no prediction lies beside what they did" in text
    assert "40 tasks were annotated more than once" in text
    assert "0 tasks" not in text.replace("40 tasks", "")


def test_a_ground_truth_knows_no_annotators() -> None:
    given = metrics("a") | {"source": {"coco": "val.json", "images": "val2017"}, "annotators": {}, "agreement": None}
    text = Tags(render(given, people(annotator=UNNAMED))).text
    assert "Evaluation of val.json" in text
    assert "of the points lie within 5 % of the box of where they should be" in text
    assert "0.600 AP of COCO-WholeBody" in text
    assert "The largest errors" in text
    assert "Picture 7 2 off, 1 predicted alone, 1 not predicted of 133 points" in text
    assert not re.search(r"nnotator|corrected|Median time", text)


def test_it_is_about_the_newest_version_that_was_corrected() -> None:
    given = metrics("older", "old", "new")
    assert shown_versions(given) == ("new", "old")
    given["model_versions"]["new"]["points"] = NOTHING
    assert shown_versions(given) == ("old", "older")
    text = render(given, [])
    assert "the model version is old , the one before older" in Tags(text).text
    heads = [head for head in re.findall(r"<thead>.*?</thead>", text, re.DOTALL) if ">older<" in head]
    assert len(heads) > 3
    assert all(">new<" in head for head in heads), "it has no column of its own"


def test_a_version_that_nobody_corrected_has_its_ap() -> None:
    given = metrics("new")
    given["model_versions"]["new"]["points"] = NOTHING
    assert "An AP of 0.600, and no annotation that came from a prediction" in Tags(render(given, [])).text


def test_it_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    write_report(metrics("half of a character: \ud800"), people(), out)
    assert out.read_text("utf-8").rstrip().endswith("</html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(DatasetError, match=r"missing/report\.html cannot be written: No such file or directory"):
        write_report(metrics(), [], tmp_path / "missing" / "report.html")
