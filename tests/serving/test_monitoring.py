"""The dashboard, the alerts and the operating guide speak of metrics that there are, and of all of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.serving.test_server import StubBackend
from wholebody.errors import Cause
from wholebody.serving.server import create_app
from wholebody.settings import load_settings, variables

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "monitoring"
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
GUIDE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")

NAME = re.compile(r"\b(?:wholebody|process|python)_[a-z_]+\b")
SELECTOR = re.compile(r"(\b[a-z_]+)\{([^}]*)\}")
MATCH = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


@pytest.fixture(scope="module")
def samples() -> dict[str, list[dict[str, str]]]:
    """Every name in a real /metrics -> the labels of its series."""
    client = create_app(StubBackend, load_settings(mode="figures"), "v", {"detector": "d", "pose": "p"}).test_client()
    client.post("/predict", data=b"?")
    client.get("/health")
    found: dict[str, list[dict[str, str]]] = {"up": [{}]}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def of_dashboard() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def of_alerts() -> list[str]:
    return [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]


EXPRESSIONS = [*of_dashboard(), *of_alerts()]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_speak_of_metrics_and_labels_that_there_are(
    expression: str, samples: dict[str, list[dict[str, str]]]
) -> None:
    names = set(NAME.findall(expression)) or {"up"} & set(expression.split("{"))
    assert names
    assert names <= samples.keys()
    for name, selector in SELECTOR.findall(expression):
        for label, operator, value in MATCH.findall(selector):
            if label in ("instance", "job"):  # which Prometheus adds
                continue
            values = {series[label] for series in samples[name]}
            if label in ("route", "status"):
                values |= {"predict", "503", "499"}  # which come with the first such request
            wanted = set(value.split("|")) if "~" in operator else {value}
            assert wanted <= values, f"{name} has no {label}={value}"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_group_by_labels_that_there_are(expression: str, samples: dict[str, list[dict[str, str]]]) -> None:
    for labels, name in re.findall(r"by \(([^)]*)\)\s*\((?:\w+\()?([a-z_]+)", expression):
        wanted = {label.strip() for label in labels.split(",")} - {"instance"}
        assert wanted <= samples[name][0].keys()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_are_whole(expression: str) -> None:
    assert all(expression.count(left) == expression.count(right) for left, right in ("()", "{}", "[]"))
    assert expression.count('"') % 2 == 0


def test_every_metric_of_ours_is_used_or_explained(samples: dict[str, list[dict[str, str]]]) -> None:
    shown = set(NAME.findall(" ".join(EXPRESSIONS) + GUIDE))
    ours = {name for name in samples if name.startswith("wholebody_") and not name.endswith("_created")}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in ours}
    explained = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    assert families - explained == set()


def test_the_guide_speaks_of_metrics_that_there_are(samples: dict[str, list[dict[str, str]]]) -> None:
    families = samples.keys() | {re.sub(r"_(bucket|sum|count)$", "", name) for name in samples}
    assert set(NAME.findall(GUIDE)) <= families


def test_every_cause_of_failure_is_explained() -> None:
    causes: tuple[str, ...] = Cause.__args__  # type: ignore[attr-defined]
    assert [cause for cause in causes if f"`{cause}`" not in GUIDE] == []


def test_the_dashboard_can_be_imported() -> None:
    assert {"title", "uid", "schemaVersion", "panels", "templating"} <= DASHBOARD.keys()
    assert "id" not in DASHBOARD, "which another Grafana would have given"
    variables = [variable["name"] for variable in DASHBOARD["templating"]["list"]]
    assert variables == ["datasource", "instance"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids) > 10
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert all('instance=~"$instance"' in target["expr"] for target in panel["targets"])


def test_no_panel_covers_another() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place: dict[str, Any] = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_the_scrape_example_is_one() -> None:
    (job,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    assert job["job_name"] == "wholebody"
    assert job["static_configs"] == [{"targets": ["localhost:9090"]}]
    named = {job for expression in of_alerts() for job in re.findall(r'job="(\w+)"', expression)}
    assert named == {job["job_name"]}


def test_every_alert_leads_to_a_part_of_the_guide() -> None:
    headings = " ".join(re.findall(r"^## (.+)$", GUIDE, re.MULTILINE)).lower()
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            assert rule["alert"] in GUIDE, rule["alert"]
    assert "503" in headings


def test_links_of_the_guide_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", GUIDE)
    assert len(links) >= 10
    for link in links:
        path, _, fragment = link.partition("#")
        target = (ROOT / "docs" / path).resolve() if path else ROOT / "docs" / "operating.md"
        assert target.is_file(), link
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE) if fragment else []
        anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not fragment or fragment in anchors, link


def test_the_settings_that_the_guide_names_are_known() -> None:
    others = {"LABEL_STUDIO_ML_TIMEOUT_PREDICT"}  # Label Studio's own
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", GUIDE))
    assert named <= variables().keys() | others
