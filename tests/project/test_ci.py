"""The gate's own programs find what they are there for: a planted token, a vulnerable package."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.http_server import Answer, ScriptedServer

CI = Path(__file__).resolve().parents[2] / ".ci"
GIT = ("git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")

# In two parts each, or the scan would find them here.
LEGACY_TOKEN = "3f9a1c7be20d48566f1b" + "9e0a7c5d2e8f4b6a9013"
PERSONAL_TOKEN = "eyJhbGciOiJIUzI1NiJ9." + "eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9." + "c2lnbmF0dXJlLXNpZ25hdHVyZQ"
CLOUD_KEY = "AKIA" + "Z3MHQ7XKPL2VTYRB"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run([*GIT, "init", "--quiet", "--initial-branch=main"], cwd=tmp_path, check=True)
    commit(tmp_path, "README.md", "Nothing secret.\n")
    return tmp_path


def commit(repository: Path, name: str, text: str | None) -> None:
    path = repository / name
    if text is None:
        path.unlink()
    else:
        path.write_text(text, encoding="utf-8")
    subprocess.run([*GIT, "add", "--all"], cwd=repository, check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--message", name], cwd=repository, check=True)


def scan(repository: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, str(CI / "secret_scan.py"), *options]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_repository_without_secrets_passes(repository: Path) -> None:
    assert scan(repository) == (0, "")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("README.md", f"curl -H 'Authorization: Token {LEGACY_TOKEN}'\n", "README.md:1: Label Studio Token"),
        (".env.example", f"\nLABEL_STUDIO_API_TOKEN={PERSONAL_TOKEN}\n", ".env.example:2: JSON Web Token"),
        ("tool.py", f"KEY = '{CLOUD_KEY}'\n", "tool.py:1: AWS Access Key"),
        ("key.txt", "-----BEGIN RSA PRIVATE " + "KEY-----\n", "key.txt:1: Private Key"),
    ],
)
def test_a_planted_secret_is_found_and_not_printed(repository: Path, name: str, text: str, expected: str) -> None:
    commit(repository, name, text)
    status, printed = scan(repository)
    assert status == 1
    assert expected in printed.splitlines()
    for secret in (LEGACY_TOKEN, PERSONAL_TOKEN, CLOUD_KEY):
        assert secret not in printed


def test_a_file_that_is_about_to_be_added_is_looked_at(repository: Path) -> None:
    (repository / "new.md").write_text(f"token {LEGACY_TOKEN}\n")
    (repository / ".gitignore").write_text(".env\n")
    (repository / ".env").write_text(f"LABEL_STUDIO_API_TOKEN={LEGACY_TOKEN}\n")
    status, printed = scan(repository)
    assert (status, printed.splitlines()[:-1]) == (1, ["new.md:1: Label Studio Token"])


def test_a_secret_that_was_taken_out_is_found_in_the_history(repository: Path) -> None:
    commit(repository, "notes.md", f"token {LEGACY_TOKEN}\n")
    commit(repository, "notes.md", None)
    status, printed = scan(repository)
    assert (status, printed.splitlines()[0]) == (1, "notes.md:1: Label Studio Token")


def test_a_secret_in_any_earlier_version_of_a_file_is_found(repository: Path) -> None:
    for line in ("begun", f"token {LEGACY_TOKEN}", "ended"):
        commit(repository, "notes.md", f"notes\n{line}\n")
    status, printed = scan(repository)
    assert (status, printed.splitlines()[:-1]) == (1, ["notes.md:2: Label Studio Token"])


def test_what_was_accepted_passes_wherever_it_moves_and_nothing_else_does(repository: Path) -> None:
    commit(repository, "tests.md", f"token {LEGACY_TOKEN}\n")
    assert scan(repository, "--accept") == (0, "")
    commit(repository, "tests.md", f"\n\ntoken {LEGACY_TOKEN}\n")
    assert scan(repository) == (0, "")
    commit(repository, "tests.md", f"token {LEGACY_TOKEN[::-1]}\n")
    assert scan(repository)[0] == 1


def audit(tmp_path: Path, server: ScriptedServer, *options: str) -> tuple[int, str]:
    (tmp_path / "requirements.txt").write_text("leaky==1.0\nsound==2.0\n")
    asked = [
        "--requirement",
        str(tmp_path / "requirements.txt"),
        "--vulnerability-service=osv",
        "--osv-url",
        server.url,
    ]
    command = [sys.executable, str(CI / "audit.py"), *options, *asked]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_a_known_vulnerability_fails_the_audit(server: ScriptedServer, tmp_path: Path) -> None:
    affected = {"package": {"name": "leaky", "ecosystem": "PyPI"}, "versions": ["1.0"]}
    affected |= {"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}]}
    known = {"id": "PYSEC-2026-1", "details": "leaks", "published": "2026-01-01T00:00:00Z", "affected": [affected]}
    server.then(Answer(json={"vulns": [known]}), Answer(json={}))
    status, printed = audit(tmp_path, server)
    assert status == 1
    assert printed.splitlines() == ["2 packages: 2 audited, 1 vulnerable", "leaky 1.0: PYSEC-2026-1; upgrade to 1.1"]


def test_an_audit_that_finds_nothing_passes(server: ScriptedServer, tmp_path: Path) -> None:
    server.then(Answer(json={}), Answer(json={}))
    assert audit(tmp_path, server, "--strict") == (0, "2 packages: 2 audited, 0 vulnerable\n")


def test_an_audit_that_could_not_be_made_fails(server: ScriptedServer, tmp_path: Path) -> None:
    server.on("POST", "/", Answer(500))
    status, printed = audit(tmp_path, server)
    assert status == 1
    assert "pip-audit failed (exit code 1):" in printed


def test_what_could_not_be_looked_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CI))
    import audit as program

    lines, vulnerable, unknown = program.report(
        [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "Dependency not found on PyPI"}]
    )
    assert (vulnerable, unknown) == (0, 1)
    assert lines == [
        "2 packages: 1 audited, 0 vulnerable",
        "NOT AUDITED, for the package index has no data on them (1): b",
    ]
