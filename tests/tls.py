"""TLS for the scripted servers, with a certificate of their own making. No test of its own."""

import ssl
import subprocess
from pathlib import Path

from tests.http_server import ScriptedServer


def make_certificate(folder: Path) -> Path:
    """A key and a certificate, in one file, for localhost, 127.0.0.1 and pictures.example."""
    file = folder / "server.pem"
    names = "subjectAltName=DNS:localhost,DNS:pictures.example,IP:127.0.0.1"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    written = ["-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]
    subprocess.run([*new, "-addext", names, *written], check=True, capture_output=True)
    file.write_bytes((folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes())
    return file


class TlsServer(ScriptedServer):
    """A scripted server that speaks TLS; `names` are the host names that clients asked for."""

    def __init__(self, certificate: Path) -> None:
        super().__init__()
        self.names: list[str | None] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.port}"
        self.localhost_url = f"https://localhost:{self.port}"
