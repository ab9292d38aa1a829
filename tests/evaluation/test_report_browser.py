"""The report in a real browser: without a network, light, dark, narrow and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from tests.evaluation.made_up import metrics
from tests.evaluation.test_report import HOSTILE, people, poisoned
from wholebody.evaluation.person_pictures import Cutting
from wholebody.evaluation.report.page import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LABEL_STUDIO = "https://labels.example.com"

JPEG = cv2.imencode(".jpg", np.full((220, 160, 3), (10, 200, 90), np.uint8))[1].tobytes()


class Opener:
    """Opens the report, and writes down what the page asks for and complains of."""

    def __init__(self, browser: Browser, path: Path) -> None:
        self._browser, self._path = browser, path
        self.asked: list[str] = []
        self.complaints: list[str] = []

    def __call__(self, **options: Any) -> Page:
        page = self._browser.new_context(**options).new_page()
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        page.goto(self._path.as_uri())
        return page


@pytest.fixture
def report(chromium: Browser, tmp_path: Path) -> Iterator[Opener]:
    path = tmp_path / "report.html"
    shown = [replace(one, cutting=Cutting((40.0, 40.0, 200.0, 260.0), JPEG)) for one in people(7, count=24)]
    write_report(metrics(), shown, path, LABEL_STUDIO)
    yield Opener(chromium, path)
    for context in chromium.contexts:
        context.close()


def colours(page: Page) -> tuple[str, str]:
    """Of the page and of its words."""
    style = "getComputedStyle(document.body)"
    return tuple(page.evaluate(f"[{style}.backgroundColor, {style}.color]"))


def brightness(colour: str) -> float:
    return sum(map(int, colour.strip("rgb()").split(","))) / 3


def test_it_asks_for_nothing_and_complains_of_nothing(report: Opener) -> None:
    page = report(viewport={"width": 1440, "height": 900})
    loaded = page.evaluate(
        "Promise.all([...document.querySelectorAll('image')].map(one => {"
        " const copy = new Image(); copy.src = one.href.baseVal; return copy.decode().then(() => 1) }))"
    )
    assert sum(loaded) == 24
    assert [url for url in report.asked if not url.startswith("data:")] == [page.url]
    assert report.complaints == []
    assert page.evaluate("document.scripts.length") == 0


def test_light_and_dark_differ(report: Opener) -> None:
    light, dark = (colours(report(color_scheme=scheme)) for scheme in ("light", "dark"))
    assert brightness(light[0]) > 200 > 80 > brightness(light[1])
    assert brightness(dark[0]) < 50 < 180 < brightness(dark[1])


def test_on_paper_it_is_light_and_nothing_is_folded_away(report: Opener) -> None:
    page = report(color_scheme="dark")
    last = page.locator("table.keypoints").last.locator("tbody tr").last
    assert not last.is_visible()
    page.emulate_media(media="print")
    assert brightness(colours(page)[0]) == 255
    assert last.is_visible()


def test_it_is_as_wide_as_a_phone(report: Opener) -> None:
    page = report(viewport={"width": 420, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == 420


def test_a_picture_becomes_larger_and_smaller_again(report: Opener) -> None:
    page = report(viewport={"width": 1440, "height": 900})
    picture = page.locator("#person-2 .picture")
    before = picture.bounding_box()
    picture.click()
    after = picture.bounding_box()
    assert before
    assert after
    assert after["height"] > 1.8 * before["height"]
    page.locator("#person-2 .close").click()
    assert picture.bounding_box()["height"] == before["height"]  # type: ignore[index]


def test_prediction_and_annotation_are_drawn_over_the_picture(report: Opener) -> None:
    """In colors that differ; the lines lie where the points are."""
    page = report(viewport={"width": 1440, "height": 900})
    strokes = page.evaluate(
        "['predicted', 'annotated'].map(kind =>"
        " getComputedStyle(document.querySelector(`#person-1 .line.${kind}`)).stroke)"
    )
    assert strokes == ["rgb(255, 171, 26)", "rgb(90, 200, 255)"]
    picture, lines = (page.locator(f"#person-1 {one}").bounding_box() for one in ("image", ".line.annotated >> nth=0"))
    assert picture
    assert lines
    assert picture["x"] <= lines["x"] < lines["x"] + lines["width"] <= picture["x"] + picture["width"]
    assert lines["height"] > picture["height"] / 2


def test_words_of_tasks_do_nothing(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(poisoned(metrics()), people(HOSTILE, reference=HOSTILE, annotator=HOSTILE), path, LABEL_STUDIO)
    opened = Opener(chromium, path)
    page = opened()
    assert [url for url in opened.asked if not url.startswith("data:")] == [path.as_uri()]
    assert not [one for one in opened.complaints if "dialog" in one or "Content Security" in one]
    assert page.evaluate("[document.scripts.length, document.images.length]") == [0, 0]
    assert page.get_by_text("<script>alert(1)</script>").count() > 10
    page.context.close()
