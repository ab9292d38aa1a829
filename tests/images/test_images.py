"""Every kind of image reference, from real servers; where the token goes stands in test_images_token.py."""

import base64
import gzip
import time
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import pytest

from tests.http_server import Answer, ScriptedServer
from wholebody.errors import ImageError
from wholebody.images.decoding import BGR
from wholebody.images.loader import ImageLoader, shown
from wholebody.settings import load_settings

PICTURE = np.random.default_rng(1).integers(0, 256, (6, 9, 3), np.uint8)
PNG = cv2.imencode(".png", PICTURE)[1].tobytes()
SECRET = "s3cr3t-Signature"
LEGACY = "0123456789abcdef"


def load(reference: object, url: str | None = None, task_id: object = 7, **settings: object) -> BGR:
    token = LEGACY if url else None
    loader = ImageLoader(load_settings(label_studio_url=url, label_studio_api_token=token, **settings))
    try:
        return loader.load(reference, task_id).bgr
    finally:
        loader.close()


def refusal(reference: object, url: str | None = None, **settings: object) -> str:
    with pytest.raises(ImageError) as raised:
        load(reference, url, **settings)
    text = str(raised.value)
    assert "\n" not in text
    assert len(text) < 700
    assert SECRET not in text
    assert LEGACY not in text
    return text


LABEL_STUDIO_REFERENCES = [
    # an upload
    ("/data/upload/1/f660b1e2-im0.jpg", "/data/upload/1/f660b1e2-im0.jpg", ""),
    # a name that Label Studio has encoded
    ("/data/upload/1/im%20%C3%A9.jpg", "/data/upload/1/im%20%C3%A9.jpg", ""),
    # ... and one that nobody has
    ("/data/upload/1/im é.jpg", "/data/upload/1/im%20%C3%A9.jpg", ""),
    # local files
    ("/data/local-files/?d=img/l%201.jpg", "/data/local-files/", "d=img/l%201.jpg"),
    ("/data/local-files/?d=img%2Fa%26b%3D%231.jpg", "/data/local-files/", "d=img%2Fa%26b%3D%231.jpg"),
    # ... whose path looks like an address
    ("/data/local-files/?d=a://b.jpg", "/data/local-files/", "d=a://b.jpg"),
    # space around it
    (" /data/upload/1/a.jpg\n", "/data/upload/1/a.jpg", ""),
]


@pytest.mark.parametrize("sub_path", ["", "/ls", "/a/b", "/data", "/d"])
@pytest.mark.parametrize(("reference", "path", "query"), LABEL_STUDIO_REFERENCES)
def test_label_studios_own_references(
    server: ScriptedServer, reference: str, path: str, query: str, sub_path: str
) -> None:
    server.on("GET", sub_path + path, Answer(body=PNG))
    assert np.array_equal(load(reference, server.url + sub_path), PICTURE)
    (request,) = server.requests
    assert (request.query, request.authorization) == (query, f"Token {LEGACY}")


@pytest.mark.parametrize("sub_path", ["/ls", "/data"])
def test_references_may_have_the_sub_path_already(server: ScriptedServer, sub_path: str) -> None:
    server.on("GET", f"{sub_path}/data/upload/1/a.jpg", Answer(body=PNG))
    assert np.array_equal(load(f"{sub_path}/data/upload/1/a.jpg", server.url + sub_path + "/"), PICTURE)


@pytest.mark.parametrize(
    "uri",
    ["s3://bucket/a b/é+1.jpg", "gs://bucket/k", "azure-blob://box/k?x=1", "S3://bucket/k", "azure_spi://box/k#1"],
)
@pytest.mark.parametrize("sub_path", ["", "/ls"])
def test_cloud_references_are_resolved_by_label_studio(
    server: ScriptedServer, other_server: ScriptedServer, uri: str, sub_path: str
) -> None:
    presigned = f"{other_server.url}/bucket/k?X-Amz-Signature={SECRET}&x=%2F"
    server.on("GET", f"{sub_path}/tasks/42/presign/", Answer(303, headers={"Location": presigned}))
    other_server.on("GET", "/bucket/k", Answer(body=PNG))
    assert np.array_equal(load(uri, server.url + sub_path, task_id=42), PICTURE)
    (first,), (second,) = server.requests, other_server.requests
    assert base64.urlsafe_b64decode(first.parameters["fileuri"]).decode() == uri
    assert first.authorization == f"Token {LEGACY}"
    assert second.query == f"X-Amz-Signature={SECRET}&x=%2F"
    assert second.authorization is None


def test_cloud_references_that_label_studio_streams_itself(server: ScriptedServer) -> None:
    server.on("GET", "/tasks/7/presign/", Answer(body=PNG))
    assert np.array_equal(load("s3://bucket/k", server.url), PICTURE)


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_other_addresses_are_fetched_without_label_studio(server: ScriptedServer, scheme: str) -> None:
    server.on("GET", "/a%20b.png", Answer(body=PNG))
    url = server.url.replace("http", scheme) + "/a b.png?x=1"
    assert np.array_equal(load(url), PICTURE)
    assert server.requests[0].query == "x=1"


B64 = base64.b64encode(PNG).decode()


@pytest.mark.parametrize(
    "reference",
    [
        # as Label Studio stores it
        f"data:image/png;base64,{B64}",
        # parameters, upper case
        f"DATA:image/png;charset=utf-8;BASE64,{B64}",
        # broken into lines
        f"data:image/png;base64,{B64[:30]}\n {B64[30:]}",
        # its signs encoded
        f"data:image/png;base64,{quote(B64, safe='')}",
        # without padding, which browsers accept
        f"data:image/png;base64,{B64.rstrip('=')}",
        # percent-encoded
        f"data:image/png,{quote(PNG)}",
        f"data:,{quote(PNG)}",
    ],
)
def test_data_uris(reference: str) -> None:
    assert np.array_equal(load(reference), PICTURE)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("data:image/png;base64", "data:image/png;base64,... (21 characters): is a data URI without a comma"),
        (f"data:image/png;base64,{B64[:-9]}!", "base64 is broken"),
        ("data:image/png;base64,A", "base64 is broken"),
        ("data:image/png;base64,é", "base64 is broken"),
        ("data:,", "not an image of a known format"),
        ("data:text/plain,hello", "not an image of a known format"),
        (f"data:image/png;base64,{B64[: len(B64) // 2 // 4 * 4]}", "damaged or cut off"),
    ],
)
def test_data_uris_that_are_broken(reference: str, message: str) -> None:
    text = refusal(reference)
    assert message in text
    assert text.startswith(f"{reference.partition(',')[0][:40]},... ({len(reference)} characters): ")


@pytest.mark.parametrize(
    "encode", [lambda raw: f";base64,{base64.b64encode(raw).decode()}", lambda raw: f",{quote(raw)}"]
)
def test_data_uris_are_limited_in_bytes(encode: object) -> None:
    reference = f"data:image/png{encode(PNG)}"  # type: ignore[operator]
    assert np.array_equal(load(reference, image_max_bytes=len(PNG)), PICTURE)
    limit = len(PNG) - 1
    assert refusal(reference, image_max_bytes=limit).endswith(f": is over the limit of {limit} bytes (IMAGE_MAX_BYTES)")


NEITHER = (
    ": is neither an address nor one of Label Studio's own references (/data/upload/..., /data/local-files/?d=...); "
    "files of this machine are read from IMAGE_FILES_DIR alone"
)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        # values that are no text
        (None, "the task's image is of type NoneType, not an address"),
        ([f"http://a/?sig={SECRET}"], "the task's image is of type list, not an address"),
        ({"url": "x"}, "the task's image is of type dict, not an address"),
        (5, "the task's image is of type int, not an address"),
        (b"x", "the task's image is of type bytes, not an address"),
        # nothing
        ("", "the task's image is blank, not an address"),
        (" \n", "the task's image is blank, not an address"),
        # files of the backend's machine
        ("/etc/passwd", "/etc/passwd" + NEITHER),
        ("file:///etc/passwd", "file:///etc/passwd: file:// addresses cannot be read; use http, s3, gs or azure-blob"),
        ("FILE:///etc/passwd", "FILE:///etc/passwd: file:// addresses cannot be read; use http, s3, gs or azure-blob"),
        ("file:/etc/passwd", "file:/etc/passwd" + NEITHER),
        ("relative.jpg", "relative.jpg" + NEITHER),
        ("../a.jpg", "../a.jpg" + NEITHER),
        ("C:\\a.jpg", "C:\\a.jpg" + NEITHER),
        ("/database/a.jpg", "/database/a.jpg" + NEITHER),
        # no scheme
        (
            f"//no-such-host.invalid/a.jpg?sig={SECRET}",
            "//no-such-host.invalid/a.jpg?...: no-such-host.invalid: no such",
        ),
        ("///a.jpg", "///a.jpg: is not an address that can be fetched"),
        ("http:/host/a.jpg", "http:/host/a.jpg" + NEITHER),
        ("ftp://host/a.jpg", "ftp://host/a.jpg: ftp:// addresses cannot be read; use http, s3, gs or azure-blob"),
        # no Label Studio
        ("/data/upload/1/a.jpg", "/data/upload/1/a.jpg: is served by Label Studio; set LABEL_STUDIO_URL and LABEL_ST"),
        ("s3://bucket/k", "s3://bucket/k: is served by Label Studio; set LABEL_STUDIO_URL and LABEL_STUDIO_API_TOKEN"),
        # addresses that are none
        ("http://", "http://: is not an address that can be fetched"),
        ("http://[::1/a", "http://[::1/a: is not an address that can be fetched"),
        (f"http://me:{SECRET}@[::1/a?{SECRET}", "http://[::1/a?...: is not an address that can be fetched"),
        ("http://host:port/a", "http://host:port/a: is not an address that can be fetched"),
        (f"http://{'x' * 100}.example/a", f"http://{'x' * 100}.example/a: "),
        (f"http://{'a' * 250}/{'b' * 500}", "http://" + "a" * 193 + "...: "),
    ],
)
def test_what_is_no_reference_is_refused(reference: object, message: str) -> None:
    text = refusal(reference)
    assert text.startswith(message)


def test_a_compressed_answer_is_unpacked_and_limited(server: ScriptedServer) -> None:
    headers = {"Content-Encoding": "gzip"}
    server.on("GET", "/a", Answer(body=gzip.compress(PNG), headers=headers))
    assert np.array_equal(load(server.url + "/a"), PICTURE)
    server.on("GET", "/a", Answer(body=gzip.compress(bytes(50_000_000)), headers=headers))
    assert "is over the limit of 1000000 bytes" in refusal(server.url + "/a", image_max_bytes=1_000_000)


def test_a_photograph_is_the_same_by_every_way(server: ScriptedServer, testdata: Path) -> None:
    content = (testdata / "images/exif_Landscape_6.jpg").read_bytes()
    server.on("GET", "/data/upload/1/a.jpg", Answer(body=content))
    server.on("GET", "/elsewhere.jpg", Answer(body=content, piece_bytes=50_000, pause_s=0.001))
    by_upload = load("/data/upload/1/a.jpg", server.url)
    assert np.array_equal(load(server.url + "/elsewhere.jpg"), by_upload)
    assert np.array_equal(load("data:image/jpeg;base64," + base64.b64encode(content).decode()), by_upload)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("/data/local-files/?d=img/a.jpg", "/data/local-files/?d=img/a.jpg"),
        (f"http://me:{SECRET}@host/a.jpg?sig={SECRET}#{SECRET}", "http://host/a.jpg?..."),
        (f"http://host/data/local-files/?sig={SECRET}", "http://host/data/local-files/?..."),
        ("http://host/a b.jpg", "http://host/a b.jpg"),
        ("s3://bucket/Who? #1.jpg", "s3://bucket/Who? #1.jpg"),
        ("azure_spi://box/a?b#c.jpg", "azure_spi://box/a?b#c.jpg"),
        (f"GS://me:{SECRET}@bucket/a?b.jpg", "GS://bucket/a?b.jpg"),
        (f"data:image/png;base64,{SECRET}", "data:image/png;base64,... (38 characters)"),
        ("/data/upload/1/a\n b.jpg", "/data/upload/1/a b.jpg"),
        ("x" * 500, "x" * 200 + "..."),
    ],
)
def test_how_a_reference_is_shown(reference: str, expected: str) -> None:
    assert shown(reference) == expected


def test_the_time_limit_of_a_dripping_server(server: ScriptedServer) -> None:
    server.on("GET", "/a", Answer(body=PNG * 100, piece_bytes=1, pause_s=0.02))
    begun = time.monotonic()
    text = refusal(server.url + "/a", image_timeout_seconds=0.3)
    assert text == f"{server.url}/a: 127.0.0.1:{server.port}: timed out (IMAGE_TIMEOUT_SECONDS=0.3)"
    assert time.monotonic() - begun < 10
