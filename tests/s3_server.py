"""An S3 on this machine: moto's server in a process of its own. No test of its own."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.process import ServerProcess, free_port

START_TIMEOUT_S = 60.0
BUCKET = "pictures"
ACCESS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
"""Any keys will do, but there must be some: nobody else sees the bucket."""


class S3Server:
    """Its one bucket.

    Attributes:
        url: Its address, for a storage's `s3_endpoint`.
    """

    def __init__(self, url: str) -> None:
        import boto3

        self.url = url
        self._client: Any = boto3.client("s3", endpoint_url=url, **ACCESS)
        self._client.create_bucket(Bucket=BUCKET)

    def put(self, key: str, content: bytes) -> str:
        """Store a picture and return its `s3://` reference."""
        self._client.put_object(Bucket=BUCKET, Key=key, Body=content, ContentType="image/png")
        return f"s3://{BUCKET}/{key}"


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Run one with an empty bucket.

    Args:
        folder: Where its log goes.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = ServerProcess(
        name="moto",
        command=[sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)],
        env=dict(os.environ),
        cwd=folder,
        log_path=folder / "moto.log",
        health_url=url,
    )
    process.start(START_TIMEOUT_S)
    try:
        yield S3Server(url)
    finally:
        process.stop()
