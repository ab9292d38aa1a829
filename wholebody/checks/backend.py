"""The checks of what is connected to the project: do Label Studio and the backend reach each other, and agree?"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import requests

from wholebody.checks.api import CHECK_URL
from wholebody.checks.facts import Check, Facts, Finding
from wholebody.errors import LabelStudioError
from wholebody.estimation.weights import model_version
from wholebody.http.session import Session
from wholebody.images.loader import shown
from wholebody.label_studio.model_versions import count_versions
from wholebody.label_studio.releases import LOCAL_BACKENDS_REFUSED
from wholebody.labeling.labeling_xml import parse_xml

CONNECTED, ERROR = "CO", "ER"
PROBE_TIMEOUT_S = 3.0
SMART_TAGS = frozenset({"rectangle", "rectanglelabels", "keypoint", "keypointlabels"})

CONNECT_IT = "connect it in Settings > Model, or use the prefill alone"
BANNED_CURE = "start Label Studio with LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS=false (README.md, Connect)"
BANNED_BY_HAND_CURE = "start Label Studio without LABEL_STUDIO_ML_BLOCK_LOCAL_IP=true"
"""Of releases that ban these addresses only where they are told to."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A way for Label Studio not to reach a backend: what its own words for it match, ours, and the cure."""

    pattern: str
    meaning: str
    cure: str


TROUBLES = (
    Trouble(
        "reserved network address",
        "Label Studio refuses to call loopback and private addresses",
        BANNED_CURE,
    ),
    Trouble(
        "onnection refused",
        "where Label Studio runs, nothing listens there",
        "start the backend (make serve), or correct its address in Settings > Model; "
        "inside a container localhost is the container itself",
    ),
    Trouble(
        "^401 ",
        "it asks Label Studio for a user name and a password",
        "in Settings > Model choose Basic Authentication, with BASIC_AUTH_USER and BASIC_AUTH_PASS of the backend",
    ),
    Trouble(
        "resolve|not known|Name or service",
        "Label Studio does not know its host",
        "give an address in Settings > Model that is right from where Label Studio runs (README.md, Connect)",
    ),
    Trouble(
        "timed out|Timeout",
        "it did not answer Label Studio in time",
        "is it still loading, or behind a firewall? Its log says whether the request came",
    ),
)


def look_at_backend(facts: Facts) -> Finding:
    """Which backends are connected, and does Label Studio reach them?"""
    facts.backends = backends = _connected_backends(facts)
    if not backends:
        refused = f"; if connecting ends with 'reserved network address', {BANNED_CURE}" if _bans(facts) else ""
        return Finding("warn", "none is connected to the project", CONNECT_IT + refused)
    troubled = [b for b in backends if b.get("state") != CONNECTED]
    lines = [_trouble(facts, backend) for backend in troubled]
    healthy = [b for b in backends if b.get("state") == CONNECTED]
    if not healthy:
        return Finding("fail", "; ".join(message for message, _ in lines), lines[0][1])
    message = ", ".join(f"{_url(b)} {b.get('readable_state', 'Connected')}" for b in healthy)
    if troubled:
        return Finding("warn", f"{message}; {'; '.join(line for line, _ in lines)}", "disconnect it, or " + lines[0][1])
    if len({b.get("url") for b in backends}) < len(backends):
        cure = f"disconnect all but one; if connecting showed 'reserved network address', {_banned_cure(facts)}"
        return Finding("warn", f"{message}: the same address {len(backends)} times", cure)
    return Finding("ok", message)


def look_at_smart_tools(facts: Facts) -> Finding:
    """Is there a tool to draw prompts with, and is the backend asked about them?"""
    tools = _smart_tools(facts.project["label_config"])
    asked = [b for b in facts.backends if b.get("is_interactive")]
    if tools and asked:
        return Finding("ok", f"{', '.join(tools)}; {_url(asked[0])} is asked")
    if asked:
        cure = 'add <Rectangle name="prompt" toName="..." smart="true"/> to the labeling config'
        return Finding("warn", "interactive preannotations are on, but the labeling config has no smart tool", cure)
    if tools and facts.backends:
        cure = "Settings > Model > the backend's menu > Edit > Interactive preannotations, if you want prompts"
        return Finding("warn", f"{', '.join(tools)}, but no backend has interactive preannotations on", cure)
    return Finding("skip", "not in use: no backend has interactive preannotations on")


def look_at_versions(facts: Facts) -> Finding:
    """Do the backend, this machine and the stored predictions speak of one model version?"""
    here = set()
    if facts.weights and facts.estimator:
        here = {model_version(facts.settings, facts.weights, facts.estimator.traits)}
    live = {str(b.get("model_version")) for b in facts.backends if b.get("state") == CONNECTED}
    stored = count_versions(facts.api.read, facts.project_id)
    predictions = ", ".join(f"{count} of {version}" for version, count in stored.items()) or "none"
    if not here | live:
        missing = "weights" if facts.weights is None else "networks that run"
        return Finding("skip", f"neither {missing} here nor a backend to compare; stored predictions: {predictions}")
    if len(here | live) > 1:
        message = f"this machine {_or_nothing(here)}, backend {_or_nothing(live)}, stored predictions: {predictions}"
        cure = "give both the same settings and weights, and restart the backend; else tasks may get two predictions"
        return Finding("warn", message, cure)
    (current,) = here | live
    places = ["here"] * bool(here) + ["at the backend"] * bool(live)
    message = f"{current} {' and '.join(places)}; stored predictions: {predictions}"
    if stored.keys() - {current}:
        cure = "Retrieve Predictions adds a second one to tasks with another version: delete the old ones first"
        return Finding("warn", message, cure)
    return Finding("ok", message)


def _connected_backends(facts: Facts) -> list[dict[str, Any]]:
    """The rows of the project's backends. Label Studio asks each for its health and its version as it lists them."""
    rows = facts.api.read("/api/ml/", project=facts.project_id)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise LabelStudioError(f"the backends are not listed as Label Studio does it; {CHECK_URL}")
    return rows


def _trouble(facts: Facts, backend: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong with a backend that is not connected, and the cure."""
    what = f"{_url(backend)} {backend.get('readable_state', 'not connected')}: "
    if backend.get("state") == ERROR:
        reason = _cleaned(str(backend.get("error_message")))
        cure = "the backend's log says why; mostly the labeling config has nothing to fill (docs/labeling-configs.md)"
        return f"{what}it refuses this project ({reason})", cure
    reason = _reason(facts, backend)
    reached = "this machine reaches it" if _answers(str(backend.get("url"))) else "this machine does not reach it"
    for trouble in TROUBLES:
        if re.search(trouble.pattern, reason):
            network = re.search(r"\(block: [^)]*\)", reason)
            cure = _banned_cure(facts) if trouble.cure == BANNED_CURE else trouble.cure
            return f"{what}{trouble.meaning}{f' {network[0]}' if network else ''}; {reached}", cure
    unknown = f" ({_cleaned(reason)})" if reason else ""
    return f"{what}Label Studio does not reach it{unknown}; {reached}", "look into the log of Label Studio"


def _bans(facts: Facts) -> bool:
    """Whether Label Studio refuses loopback and private addresses unless told otherwise."""
    return facts.release is None or facts.release >= LOCAL_BACKENDS_REFUSED


def _banned_cure(facts: Facts) -> str:
    return BANNED_CURE if _bans(facts) else BANNED_BY_HAND_CURE


def _reason(facts: Facts, backend: Mapping[str, Any]) -> str:
    """Why Label Studio does not reach a backend. The list does not say; asking it for the versions does."""
    response = facts.api.send(f"/api/ml/{backend.get('id')}/versions")
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return ""
    return str(answer.get("error") or "") if isinstance(answer, dict) else ""


def _answers(url: str) -> bool:
    """Whether a backend's open route answers this machine."""
    try:
        with Session() as session:
            address = f"{url.rstrip('/')}/ready"
            return session.get(address, timeout=PROBE_TIMEOUT_S, allow_redirects=False).ok
    except (requests.RequestException, ValueError):
        return False


def _smart_tools(xml: str) -> list[str]:
    """Controls that annotators can draw prompts with: all that do not say smart="false", as the editor has it."""
    controls = [e for e in parse_xml(xml).iter() if str(e.tag).lower() in SMART_TAGS]
    return [f"{c.tag} {c.get('name', '')!r}" for c in controls if c.get("smart", "true").strip().lower() != "false"]


def _or_nothing(versions: set[str]) -> str:
    return " and ".join(sorted(versions)) or "none"


def _url(backend: Mapping[str, Any]) -> str:
    return shown(str(backend.get("url")))


def _cleaned(reason: str) -> str:
    """An error of Label Studio's as it may be shown: without the address, which stands before, or a password."""
    without_url = re.sub(r" for url: \S*$", "", reason)
    return " ".join(re.sub(r"(?<=//)[^/\s]*@", "", without_url).split())[:200]


OF_THE_BACKEND = (
    Check("backend", look_at_backend, ("project",)),
    Check("smart tools", look_at_smart_tools, ("labeling config", "backend")),
)
VERSIONS = Check("model version", look_at_versions, ("backend", "weights"))
