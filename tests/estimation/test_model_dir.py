"""What stands in MODEL_DIR after a download, whatever happened in between, and whether it is what it was."""

import hashlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.file_host import archive, hosting
from tests.http_server import Answer, ScriptedServer
from wholebody.errors import ModelError
from wholebody.estimation import downloads
from wholebody.estimation.weights import Traits, find_weights, missing_weights, model_version
from wholebody.figures import DETECTOR_PATH, POSE_PATH
from wholebody.settings import Settings

NETWORK = POSE_PATH.read_bytes()
SHA256 = hashlib.sha256(NETWORK).hexdigest()
CUT = len(NETWORK) // 3

FETCH = "from wholebody.settings import load_settings; from wholebody.estimation.weights import find_weights as f; "
FETCH += "import logging; logging.basicConfig(level='INFO'); f(load_settings())"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PAUSE_S", 0.0)


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    return tmp_path / "models"


def settings(model_dir: Path, url: str) -> Settings:
    return Settings(det_model=str(DETECTOR_PATH), pose_model=url, model_dir=model_dir)


def version(given: Settings) -> str:
    return model_version(given, find_weights(given), Traits((640, 640), (192, 256), "bgr", 1.0))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".download.lock")


def start_fetching(model_dir: Path, url: str) -> "subprocess.Popen[str]":
    """Another process that does what a start does; its log comes from standard error."""
    variables = {"DET_MODEL": str(DETECTOR_PATH), "POSE_MODEL": url, "MODEL_DIR": str(model_dir)}
    return subprocess.Popen(
        [sys.executable, "-c", FETCH], env=os.environ | variables, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("file", ["pose.zip", "pose.v2.zip", "pose.onnx"])
def test_a_download_leaves_the_network_and_its_digest(server: ScriptedServer, model_dir: Path, file: str) -> None:
    server.on("GET", f"/zoo/{file}", hosting(archive(NETWORK) if file.endswith("zip") else NETWORK))
    weights = find_weights(settings(model_dir, f"{server.url}/zoo/{file}?key=secret"))
    assert weights.pose == model_dir / "pose.onnx"
    assert weights.pose.read_bytes() == NETWORK
    assert names(model_dir) == ["pose.onnx", "pose.onnx.sha256"]
    checked = subprocess.run(["sha256sum", "--check", "pose.onnx.sha256"], cwd=model_dir, capture_output=True)
    assert checked.stdout == b"pose.onnx: OK\n"


def test_the_digest_is_recorded_before_the_file_has_its_name(
    server: ScriptedServer, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("GET", "/pose.zip", hosting(archive(NETWORK)))

    def lose_power(part: Path, target: Path) -> Path:
        if target.suffix == ".onnx":
            raise KeyboardInterrupt
        return replace(part, target)

    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lose_power)
    with pytest.raises(KeyboardInterrupt):
        find_weights(settings(model_dir, f"{server.url}/pose.zip"))
    assert names(model_dir) == ["pose.onnx.sha256"]


def test_what_is_there_is_not_asked_for_again(server: ScriptedServer, model_dir: Path) -> None:
    server.on("GET", "/pose.onnx", hosting(NETWORK))
    first = find_weights(settings(model_dir, f"{server.url}/pose.onnx"))
    assert find_weights(settings(model_dir, f"{server.url}/pose.onnx")) == first
    assert first.sha256[1] == SHA256
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "spoil",
    [lambda path: path.write_bytes(NETWORK[:-1]), lambda path: path.write_bytes(NETWORK[:-1] + b"x")],
    ids=["cut", "changed"],
)
def test_a_file_that_is_not_what_it_was_is_refused(server: ScriptedServer, model_dir: Path, spoil: object) -> None:
    server.on("GET", "/pose.onnx", hosting(NETWORK))
    wanted = settings(model_dir, f"{server.url}/pose.onnx")
    pose = find_weights(wanted).pose
    spoil(pose)
    message = rf"pose.onnx is changed or cut off: .*recorded is {SHA256[:12]}\.\.\.; delete it and start again, or res"
    for _ in range(2):
        with pytest.raises(ModelError, match=message):
            find_weights(wanted)
    pose.unlink()  # the cure
    assert find_weights(wanted).pose.read_bytes() == NETWORK


def test_a_host_that_sends_another_file_than_before_is_refused(server: ScriptedServer, model_dir: Path) -> None:
    server.on("GET", "/pose.zip", hosting(archive(NETWORK)), hosting(archive(b"other")))
    wanted = settings(model_dir, f"{server.url}/pose.zip")
    find_weights(wanted).pose.unlink()
    with pytest.raises(ModelError, match=r"another file than before: .*; if that is right, delete .*pose.onnx.sha256"):
        find_weights(wanted)
    assert names(model_dir) == ["pose.onnx.sha256"]


def test_a_file_put_there_by_hand_is_recorded_at_its_first_use(model_dir: Path) -> None:
    model_dir.mkdir()
    (model_dir / "pose.onnx").write_bytes(NETWORK)
    wanted = settings(model_dir, "http://127.0.0.1:9/pose.onnx")
    find_weights(wanted, keep_record=False)
    assert names(model_dir) == ["pose.onnx"]
    find_weights(wanted)
    assert (model_dir / "pose.onnx.sha256").read_text() == f"{SHA256}  pose.onnx\n"
    (model_dir / "pose.onnx").write_bytes(b"other")
    with pytest.raises(ModelError, match=r"pose.onnx is changed or cut off"):
        find_weights(wanted)


def test_an_archive_put_there_by_hand_is_unpacked(model_dir: Path) -> None:
    model_dir.mkdir()
    (model_dir / "pose.zip").write_bytes(archive(NETWORK))
    assert find_weights(settings(model_dir, "http://127.0.0.1:9/zoo/pose.zip")).sha256[1] == SHA256
    assert names(model_dir) == ["pose.onnx", "pose.onnx.sha256"]


def test_beside_a_users_own_file_nothing_is_written_but_a_record_there_counts(tmp_path: Path) -> None:
    own = tmp_path / "mine" / "x.onnx"
    own.parent.mkdir()
    own.write_bytes(NETWORK)
    wanted = settings(tmp_path, str(own))
    find_weights(wanted)
    assert names(own.parent) == ["x.onnx"]
    (own.parent / "x.onnx.sha256").write_text(f"{SHA256.upper()} *x.onnx\n")
    find_weights(wanted)
    own.write_bytes(b"other")
    with pytest.raises(ModelError, match=r"x.onnx is changed or cut off.*delete x.onnx.sha256 beside it$"):
        find_weights(wanted)


@pytest.mark.parametrize("record", [b"", b"0123", b"\xff" * 64, SHA256.encode() + b"00"])
def test_a_record_that_is_none_is_refused(model_dir: Path, record: bytes) -> None:
    model_dir.mkdir()
    (model_dir / "pose.onnx").write_bytes(NETWORK)
    (model_dir / "pose.onnx.sha256").write_bytes(record)
    with pytest.raises(ModelError, match=r"pose.onnx.sha256 holds no sha256; delete it if you trust pose.onnx"):
        find_weights(settings(model_dir, "http://127.0.0.1:9/pose.onnx"))


def test_a_folder_that_cannot_be_written_to_is_no_failure(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model_dir.mkdir()
    (model_dir / "pose.onnx").write_bytes(NETWORK)

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")  # root, which the tests may run as, may write anywhere

    monkeypatch.setattr(Path, "write_text", refuse)
    assert find_weights(settings(model_dir, "http://127.0.0.1:9/pose.onnx")).sha256[1] == SHA256
    assert "its sha256 cannot be recorded, so a change will not be seen: Permission denied" in caplog.text


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"<html>please log in</html>", r"is no zip archive, or a damaged one"),
        (archive(NETWORK)[:-30], r"is no zip archive, or a damaged one"),
        (archive(NETWORK).replace(NETWORK[1000:1010], b"0123456789"), r"is no zip archive, or a damaged one \(Bad CRC"),
        (archive(NETWORK, "rtmw/model.onnx"), r"has no end2end.onnx in it"),
    ],
    ids=["a web page", "cut", "damaged", "without a network"],
)
def test_an_archive_that_is_none_leaves_nothing_behind(
    server: ScriptedServer, model_dir: Path, sent: bytes, message: str
) -> None:
    server.on("GET", "/pose.zip", Answer(body=sent))
    with pytest.raises(ModelError, match=rf"pose.zip cannot be downloaded \(.*{message}.*; put it into MODEL_DIR as"):
        find_weights(settings(model_dir, f"{server.url}/pose.zip"))
    assert names(model_dir) == []


@pytest.mark.parametrize("name", ["../../end2end.onnx", "/tmp/escaped/end2end.onnx", "a/../../../end2end.onnx"])
def test_no_name_in_an_archive_leads_out_of_the_folder(
    server: ScriptedServer, model_dir: Path, tmp_path: Path, name: str
) -> None:
    server.on("GET", "/pose.zip", hosting(archive(NETWORK, name)))
    find_weights(settings(model_dir, f"{server.url}/pose.zip"))
    assert names(model_dir) == ["pose.onnx", "pose.onnx.sha256"]
    assert names(tmp_path) == ["models"]
    assert not Path("/tmp/escaped").exists()


def test_killed_in_the_middle_and_started_again(server: ScriptedServer, model_dir: Path) -> None:
    url = f"{server.url}/pose.onnx"
    slow = Answer(body=NETWORK, headers={"ETag": '"first"'}, piece_bytes=CUT, pause_s=600)
    server.on("GET", "/pose.onnx", slow, hosting(NETWORK))
    process = start_fetching(model_dir, url)
    deadline = time.monotonic() + 100
    while not any(part.stat().st_size for part in model_dir.glob("pose.onnx.*.part")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert "pose.onnx" not in names(model_dir)

    assert find_weights(settings(model_dir, url)).sha256[1] == SHA256
    assert server.requests[-1].headers["Range"] == f"bytes={CUT}-"
    assert names(model_dir) == ["pose.onnx", "pose.onnx.sha256"]


def test_of_two_processes_one_downloads_and_the_other_waits(server: ScriptedServer, model_dir: Path) -> None:
    url = f"{server.url}/pose.onnx"
    second: list[subprocess.Popen[str]] = []
    waiting: list[str] = []

    def answer(_: object) -> Answer:
        second.append(start_fetching(model_dir, url))  # while the first is at it
        assert second[0].stderr
        waiting.append(second[0].stderr.readline())
        return Answer(body=NETWORK)

    server.on("GET", "/pose.onnx", answer)
    first = start_fetching(model_dir, url)
    assert first.communicate(timeout=100) and first.returncode == 0
    assert second[0].communicate(timeout=100) and second[0].returncode == 0
    assert f"waiting for another process that downloads to {model_dir}" in waiting[0]
    assert len(server.requests) == 1
    assert names(model_dir) == ["pose.onnx", "pose.onnx.sha256"]


def test_one_address_is_not_gone_on_with_from_another(
    server: ScriptedServer, other_server: ScriptedServer, model_dir: Path
) -> None:
    server.then(hosting(NETWORK[::-1], cut_after=CUT), Answer(404))
    with pytest.raises(ModelError, match=r"HTTP 404"):
        find_weights(settings(model_dir, f"{server.url}/pose.onnx"))
    other_server.on("GET", "/pose.onnx", hosting(NETWORK))
    assert find_weights(settings(model_dir, f"{other_server.url}/pose.onnx")).sha256[1] == SHA256
    assert names(model_dir) == ["pose.onnx", "pose.onnx.sha256"]


def test_a_mirror_takes_the_place_of_the_modes_hosts(server: ScriptedServer, model_dir: Path) -> None:
    server.on("GET", "/weights/yolox_tiny_8xb8-300e_humanart-6f3252f9.zip", hosting(archive(b"detector")))
    pose = "rtmw-dw-l-m_simcc-cocktail14_270e-256x192_20231122"
    server.on("GET", f"/weights/{pose}.zip", hosting(archive(NETWORK)))
    mirrored = Settings(mode="lightweight", model_dir=model_dir, weights_mirror=f"{server.url}/weights")
    assert missing_weights(mirrored)[f"{server.url}/weights/{pose}.zip"] == model_dir / f"{pose}.onnx"
    assert find_weights(mirrored).pose == model_dir / f"{pose}.onnx"
    # kept under the same names, so the mirror is needed once
    assert missing_weights(Settings(mode="lightweight", model_dir=model_dir)) == {}


def test_a_mirror_without_the_file_is_not_gone_around(server: ScriptedServer, model_dir: Path) -> None:
    mirrored = Settings(mode="lightweight", model_dir=model_dir, weights_mirror=server.url)
    with pytest.raises(ModelError, match=rf"{server.url}/yolox_tiny.*zip cannot be downloaded \(HTTP 404\); put it"):
        find_weights(mirrored)


def test_own_addresses_are_not_mirrored(server: ScriptedServer, other_server: ScriptedServer, model_dir: Path) -> None:
    other_server.on("GET", "/pose.onnx", hosting(NETWORK))
    own = settings(model_dir, f"{other_server.url}/pose.onnx").model_copy(update={"weights_mirror": server.url})
    assert find_weights(own).sha256[1] == SHA256
    assert server.requests == []


def test_the_second_host_is_tried_where_the_first_fails(
    server: ScriptedServer,
    other_server: ScriptedServer,
    model_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from rtmlib.tools import file

    monkeypatch.setattr(file, "_HF_MIRROR_MAP", {server.url: other_server.url})
    other_server.on("GET", "/pose.zip", Answer(403), hosting(archive(NETWORK)))
    wanted = settings(model_dir, f"{server.url}/pose.zip")
    with pytest.raises(ModelError, match=r"pose.zip cannot be downloaded \(HTTP 404; from 127.0.0.1: HTTP 403\)"):
        find_weights(wanted)
    assert find_weights(wanted).sha256[1] == SHA256
    assert f"{server.url}/pose.zip: HTTP 404; trying {other_server.url}/pose.zip" in caplog.text


def test_the_token_is_never_sent(server: ScriptedServer, model_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.on("GET", "/pose.onnx", hosting(NETWORK))
    url = f"{server.url}/pose.onnx"
    own = settings(model_dir, url).model_copy(
        update={"label_studio_url": server.url, "label_studio_api_token": "not-for-this-host"}
    )
    find_weights(own)
    assert server.requests[0].authorization is None
    assert "not-for-this-host" not in str(server.requests) + caplog.text


@pytest.mark.parametrize("path", ["", "/", "/zoo/", "/zoo/..", "/.onnx"])
def test_an_address_without_a_file_name(model_dir: Path, path: str) -> None:
    with pytest.raises(ModelError, match=r"^http://host.*: the address must end in the name of a file"):
        find_weights(settings(model_dir, f"http://me:secret@host{path}?key=secret"))


def test_a_model_dir_that_cannot_be_made(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelError, match=r"cannot be downloaded \(.*file/models: Not a directory\)"):
        find_weights(settings(tmp_path / "file" / "models", f"{server.url}/pose.onnx"))


def test_the_version_follows_the_digests(model_dir: Path) -> None:
    model_dir.mkdir()
    for name, content in (("a", NETWORK), ("b", NETWORK), ("c", b"other")):
        (model_dir / f"{name}.onnx").write_bytes(content)
    a, b, c = (settings(model_dir, f"http://127.0.0.1:9/{name}.onnx") for name in "abc")
    assert version(a) == version(b)
    assert version(a) != version(c)
