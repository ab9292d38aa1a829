"""How many cores there are to use."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wholebody.process import cores


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("5000 100000\n", 1),
        ("1600000 100000\n", 8),
        ("", 8),
        ("what\n", 8),
    ],
)
def test_a_container_may_have_less_time_than_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pretend_cores: Callable[[int], None], quota: str, expected: int
) -> None:
    pretend_cores(8)
    assert cores.count_cores() == 8  # there is no such file
    monkeypatch.setattr(cores, "CGROUP_QUOTA", tmp_path / "cpu.max")
    (tmp_path / "cpu.max").write_text(quota)
    assert cores.count_cores() == expected


def test_a_system_that_does_not_tell_has_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    monkeypatch.setattr(cores, "CGROUP_QUOTA", Path("/no/such/file"))
    assert cores.count_cores() == 3
