"""Fixtures for all tests: nothing of the developer's own environment, `.env` or home reaches a test."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import AliasChoices

from tests.http_server import ScriptedServer
from tests.label_studio.browser import chromium_path, launch
from wholebody.process import cores
from wholebody.settings import Settings

if TYPE_CHECKING:  # tests are skipped where it is not installed
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what takes long, unless it is asked for: the gate has twenty minutes for everything."""
    if os.environ.get("THOROUGH"):
        return
    for item in items:
        if item.get_closest_marker("thorough"):
            item.add_marker(pytest.mark.skip(reason="takes long: make test-thorough"))


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting from the environment, no `.env` from the working directory, no proxy, no `.netrc`."""
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [field]
        for name in names:
            for spelling in (str(name), str(name).upper(), str(name).lower()):
                monkeypatch.delenv(spelling, raising=False)
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / ".env"))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))


@pytest.fixture
def pretend_cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the process believe that it may use so many cores."""

    def pretend(count: int) -> None:
        monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(count)), raising=False)
        monkeypatch.setattr(cores, "CGROUP_QUOTA", Path("/no/such/file"))

    return pretend


@pytest.fixture
def dot_env(tmp_path: Path) -> Path:
    """Where a test may write the `.env` that it wants to be read."""
    return tmp_path / ".env"


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """For tests that configure logging: what they set up ends with them."""
    names = ["", *logging.root.manager.loggerDict]
    before = [(one := logging.getLogger(name), one.handlers[:], one.level, one.disabled) for name in names]
    yield
    for name in logging.root.manager.loggerDict:
        logging.getLogger(name).setLevel(logging.NOTSET)
    for logger, handlers, level, disabled in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.disabled = disabled


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def other_server() -> Iterator[ScriptedServer]:
    """A second server: another origin, which must never see Label Studio's token."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture(scope="session")
def testdata() -> Path:
    """The folder of real photographs and weights (see its README.md)."""
    folder = Path(os.environ.get("WHOLEBODY_TESTDATA") or ROOT.parent / "shared" / "testdata")
    if not (folder / "images").is_dir():
        pytest.skip(f"no test data in {folder}; set WHOLEBODY_TESTDATA")
    return folder


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """One browser for the whole run; tests keep apart by their own contexts."""
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: run `make install`")
    if not chromium_path().is_file():
        pytest.skip(f"no Chromium at {chromium_path()}: install it, or set CHROMIUM")
    with api.sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()
