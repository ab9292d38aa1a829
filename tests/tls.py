"""TLS for the scripted servers, with certificates of their own making. No test of its own."""

import ssl
import subprocess
from pathlib import Path

from tests.http_server import ScriptedServer

NAMES = "DNS:localhost,DNS:pictures.example,IP:127.0.0.1"
OPENSSL_CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index
new_certs_dir = {folder}
default_md = sha256
policy = any
rand_serial = yes
x509_extensions = extensions
[any]
commonName = supplied
[extensions]
subjectAltName = {names}
[req]
distinguished_name = nothing
[nothing]
"""


def make_certificate(
    folder: Path, names: str = NAMES, start: str = "20200101000000Z", end: str = "20991231235959Z"
) -> Path:
    """A key and a certificate that trusts itself, in one file; the certificate alone is `certificate.pem` beside it.

    Args:
        folder: Where they are written.
        names: The hosts that it is for, as OpenSSL's `subjectAltName`.
        start: From when on it is valid, as `YYYYMMDDHHMMSSZ`.
        end: Until when.
    """
    config, key, request = folder / "openssl.cnf", folder / "key.pem", folder / "request.pem"
    certificate, both = folder / "certificate.pem", folder / "server.pem"
    config.write_text(OPENSSL_CONFIG.format(folder=folder, names=names))
    (folder / "index").write_text("")
    new = ("-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-config", config)
    _openssl("req", "-new", *new, "-keyout", key, "-out", request)
    signing = ("-selfsign", "-batch", "-notext", "-config", config, "-keyfile", key, "-in", request)
    _openssl("ca", *signing, "-startdate", start, "-enddate", end, "-out", certificate)
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


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
