"""What a host of files answers: whole, in part, cut off. No test of its own.

server.on("GET", "/pose.onnx", hosting(content, cut_after=1000), hosting(content))
"""

import io
import re
import zipfile
from collections.abc import Callable

from tests.http_server import Answer, Received

ETAG = '"first"'


def hosting(
    content: bytes, *, etag: str = ETAG, ranges: bool = True, cut_after: int | None = None
) -> Callable[[Received], Answer]:
    """A script that serves a file as nginx does: ranges where the client's ETag still holds.

    Args:
        content: The file.
        etag: Its validator; `""` is none.
        ranges: Whether `Range` is understood.
        cut_after: The connection ends after so many bytes of the body.
    """
    headers = {"ETag": etag} if etag else {}

    def answer(request: Received) -> Answer:
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if not (ranges and asked and request.headers.get("If-Range") == etag):
            return Answer(body=content, headers=headers, stop_after=cut_after)
        start = int(asked[1])
        if start >= len(content):
            return Answer(416, headers={"Content-Range": f"bytes */{len(content)}"})
        stated = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        return Answer(206, body=content[start:], headers=headers | stated, stop_after=cut_after)

    return answer


def archive(content: bytes, name: str = "20231122/rtmw/end2end.onnx") -> bytes:
    """A zip as OpenMMLab has them: the network under a folder, beside other files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr("20231122/rtmw/deploy.json", b"{}")
        opened.writestr(name, content)
    return packed.getvalue()
