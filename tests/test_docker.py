"""What can be seen of the image without building it. `compose_check.sh` asks a running container."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def find(pattern: str, name: str) -> str:
    match = re.search(pattern, text(name), re.MULTILINE)
    assert match, f"{name}: no {pattern}"
    return match[1]


def test_the_build_sees_every_module_and_nothing_that_is_not_there() -> None:
    lines = text(".dockerignore").splitlines()
    seen = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert {path.name for path in ROOT.glob("*.py")} <= seen
    assert {name for name in seen if not (ROOT / name).exists()} == set()


def test_a_container_is_given_the_time_that_running_requests_are() -> None:
    grace_s = int(find(r"stop_grace_period: (\d+)s", "docker-compose.yml"))
    assert grace_s > int(find(r"^graceful_timeout = (\d+)", "gunicorn.conf.py"))


def test_the_label_studio_beside_it_is_the_one_that_is_tested() -> None:
    tested = find(r"^label-studio==(\S+)", "requirements-label-studio.in")
    assert find(r"image: heartexlabs/label-studio:(\S+)", "docker-compose.yml") == tested
