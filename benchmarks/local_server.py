"""A Label Studio of one project, and its pictures, as cheap as a server can be: `python -m benchmarks.local_server`.

A process of its own, so that what is measured shares neither its interpreter nor much of its time: about 0.1 ms a
request. It knows what the prefill asks, keeps no prediction but when it came, and waits before each answer.
"""

import asyncio
import contextlib
import functools
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import click
import orjson
import requests

from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

HEAD_END = b"\r\n\r\n"
LABELING_CONFIG = write_config(list(Part))


@dataclass
class State:
    """The project, as `/bench/reset` left it and the predictions changed it.

    Attributes:
        tasks: Their ids are 1 and up.
        images: Their pictures, in turn: addresses, or anything else that the task's data is to hold.
        delay_s: What each request waits.
        done: Ids with a prediction.
        posted: `time.monotonic()` of each prediction.
    """

    tasks: int = 0
    images: list[str] = field(default_factory=list)
    delay_s: float = 0.0
    done: set[int] = field(default_factory=set)
    posted: list[float] = field(default_factory=list)

    def list_tasks(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """The first page of the tasks that the filter lets through."""
        filters = orjson.loads(query["query"][0])["filters"]["items"]
        first = max([1, *(one["value"] for one in filters if one["filter"].endswith(":id"))])
        undone = any("total_predictions" in one["filter"] for one in filters)
        size, page = int(query["page_size"][0]), []
        for task_id in range(first, self.tasks + 1):
            if len(page) == size:
                break
            if not (undone and task_id in self.done):
                page.append({"id": task_id, "data": {"image": self.images[task_id % len(self.images)]}})
        total = self.tasks + 1 - first - (len(self.done) if undone else 0)
        return {"total": max(total, len(page)), "total_annotations": 0, "total_predictions": 0, "tasks": page}

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, object]:
        """Status and content of a call of the API."""
        match method, path:
            case "GET", "/api/projects/1/":
                return 200, {"id": 1, "title": "bench", "label_config": LABELING_CONFIG, "model_version": "shown"}
            case "GET", "/api/tasks/":
                return 200, self.list_tasks(query)
            case "GET", "/api/predictions/":
                task_id = int(query["task"][0])
                return 200, [stored(task_id)] if task_id in self.done else []
            case "POST", "/api/predictions/":
                self.posted.append(time.monotonic())
                # Not the whole of it is read: Label Studio has a machine of its own.
                task_id = int(body[:60].partition(b'"task":')[2].partition(b",")[0])
                self.done.add(task_id)
                return 201, stored(task_id)
            case "PATCH", "/api/projects/1/":
                return 200, {}
            case "POST", "/bench/reset":
                given = orjson.loads(body)
                self.__init__(given["tasks"], given["images"], given["delay_s"])  # type: ignore[misc]
                return 200, {}
            case "GET", "/bench/posted":
                return 200, self.posted
        return 404, {}


def stored(task_id: int) -> dict[str, Any]:
    """A task's prediction as it is shown."""
    return {"id": task_id, "task": task_id, "model_version": "bench"}


@functools.cache
def read_picture(path: Path) -> bytes:
    """A file's content, which stays in memory."""
    return path.read_bytes()


class Connection(asyncio.Protocol):
    """One kept connection."""

    def __init__(self, state: State, folder: Path) -> None:
        self._state = state
        self._folder = folder
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while (end := self._received.find(HEAD_END)) >= 0:
            head = self._received[:end].decode("latin-1")
            length = 0
            for line in head.split("\r\n")[1:]:
                name, _, value = line.partition(":")
                if name.lower() == "content-length":
                    length = int(value)
            start = end + len(HEAD_END)
            if len(self._received) < start + length:
                return
            body = bytes(self._received[start : start + length])
            del self._received[: start + length]
            self._handle(head.partition("\r\n")[0], body)

    def _handle(self, line: str, body: bytes) -> None:
        method, target, _ = line.split(" ")
        path, _, query = target.partition("?")
        delay_s = 0.0 if path.startswith("/bench/") else self._state.delay_s
        if path.startswith("/images/"):
            status, kind, content = 200, "image/jpeg", read_picture(self._folder / path.rpartition("/")[2])
        else:
            status, answer = self._state.answer(method, path, parse_qs(query), body)
            kind, content = "application/json", orjson.dumps(answer)
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
        asyncio.get_running_loop().call_later(delay_s, self._transport.write, head.encode() + content)


class LocalServer:
    """The server as the benchmarks steer it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def reset(self, tasks: int, images: list[str], delay_s: float) -> None:
        """Begin anew; `images` are names of files in the folder, or whole addresses."""
        addresses = [one if ":" in one else f"{self.url}/images/{one}" for one in images]
        content = {"tasks": tasks, "images": addresses, "delay_s": delay_s}
        requests.post(f"{self.url}/bench/reset", json=content, timeout=10).raise_for_status()

    def posted(self) -> list[float]:
        """When the predictions came, in seconds."""
        return list(requests.get(f"{self.url}/bench/posted", timeout=10).json())


@contextmanager
def local_server(folder: Path) -> Iterator[LocalServer]:
    """The server in a process of its own meanwhile; `folder` has the pictures."""
    command = [sys.executable, "-m", "benchmarks.local_server", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield LocalServer(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.communicate()


async def serve(folder: Path) -> None:
    """Serve until the process is ended."""
    state = State()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(state, folder), "127.0.0.1", 0)
    click.echo(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    sys.stdout.flush()
    await server.serve_forever()


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Serve."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(folder))


if __name__ == "__main__":
    main()
