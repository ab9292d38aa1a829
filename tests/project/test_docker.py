"""What can be seen of the image without building it. `compose_check.sh` asks a running container."""

import importlib
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def find(pattern: str, name: str) -> str:
    match = re.search(pattern, text(name), re.MULTILINE)
    assert match, f"{name}: no {pattern}"
    return match[1]


CLUSTER = ("scheduler", "worker", "prefill")
OURS = ("check", "wholebody", "watch", "check-gpu", "wholebody-gpu", *CLUSTER)


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text("docker-compose.yml"))["services"]
    return found


def test_no_service_of_ours_is_forgotten() -> None:
    assert {name for name, service in services().items() if "label-studio-wholebody" in service["image"]} == set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_a_container_can_do_no_more_than_it_must(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"] == "${MEMORY_LIMIT:-8g}"
    assert 0 < service["pids_limit"] <= 1024
    assert service["volumes"] == ["weights:/data/models"]
    assert all("size=" in mount for mount in service["tmpfs"])
    for loophole in ("privileged", "cap_add", "pid", "ipc", "user", "devices"):
        assert loophole not in service
    assert service.get("network_mode", "service:scheduler") == "service:scheduler"


def test_a_cluster_is_reached_by_its_own_containers_alone() -> None:
    for name in CLUSTER:
        service = services()[name]
        assert service["profiles"] == ["cluster"]
        assert "ports" not in service
        assert (service.get("network_mode") == "service:scheduler") == (name != "scheduler")
    assert services()["scheduler"]["command"][2:4] == ["--host", "127.0.0.1"]


def commands_of_cluster() -> list[list[str]]:
    """What containers run, in docker-compose.yml and in the manifest for Kubernetes."""
    manifest = list(yaml.safe_load_all(text("docs/kubernetes/cluster.yaml")))
    pods = [one["spec"]["template"]["spec"] for one in manifest if one["kind"] in ("Deployment", "Job")]
    return [services()[name]["command"] for name in CLUSTER] + [pod["containers"][0]["command"] for pod in pods]


def test_containers_of_a_cluster_are_given_options_that_there_are() -> None:
    found = commands_of_cluster()
    assert [command[:2] for command in found] == 2 * [
        ["dask", "scheduler"],
        ["dask", "worker"],
        ["wholebody", "prefill"],
    ]
    for program, name, *arguments in found:
        module = f"distributed.cli.dask_{name}" if program == "dask" else "wholebody.commands.prefill"
        command = getattr(importlib.import_module(module), "main" if program == "dask" else name)
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {one for one in arguments if one.startswith("--")} <= known


def test_beyond_one_machine_a_cluster_speaks_tls_alone() -> None:
    for command in commands_of_cluster()[3:]:
        assert not [one for one in command if one.startswith("tcp://")]
        assert "/tls/tls.pem" in command and "/tls/ca.pem" in command


def test_the_image_ends_as_a_user_without_rights() -> None:
    users = re.findall(r"^USER (\S+)", text("Dockerfile"), re.MULTILINE)
    assert users[-1:] == ["wholebody"]
    assert re.search(r"^RUN useradd --uid 1000 .*nologin wholebody", text("Dockerfile"), re.MULTILINE)


def test_the_build_sees_every_module_and_nothing_that_is_not_there() -> None:
    lines = text(".dockerignore").splitlines()
    seen = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert {path.name for path in ROOT.glob("*.py")} <= seen
    assert {name for name in seen if not (ROOT / name).exists()} == set()


def test_a_container_is_given_the_time_that_running_requests_are() -> None:
    grace_s = int(find(r"stop_grace_period: (\d+)s", "docker-compose.yml"))
    assert grace_s > runpy.run_path(str(ROOT / "gunicorn.conf.py"))["graceful_timeout"]


def test_the_label_studio_beside_it_is_the_one_that_is_tested() -> None:
    tested = find(r"^label-studio==(\S+)", "requirements-label-studio.in")
    assert find(r"image: heartexlabs/label-studio:(\S+)", "docker-compose.yml") == tested
