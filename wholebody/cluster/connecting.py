"""A client of a Dask cluster: of one that is there, or of worker processes that are started here."""

import asyncio
import ipaddress
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dask
from distributed import Client, LocalCluster
from distributed.core import rpc
from distributed.security import Security

from wholebody.cluster.packages import PACKAGES, SAME_IMAGE, difference, installed_versions, versions_of
from wholebody.errors import ClusterError, SettingsError
from wholebody.process.cores import count_cores
from wholebody.settings import Settings

log = logging.getLogger(__name__)

CONNECT_S = 10.0
DASHBOARD = "bokeh"
QUIET = {
    "distributed.admin.large-graph-warning-threshold": "1 TiB",
    "distributed.admin.low-level-log-length": 0,  # else the last thousand messages are kept, with all their tasks
    "distributed.worker.profile.enabled": False,  # which samples all threads a hundred times a second
}
LOCAL = "127.0.0.1"
LOCAL_DEATHS = 1000
"""Deaths after which Dask itself gives a call up; the client counts its own."""
WITH_TLS = "set DASK_TLS_CA, DASK_TLS_CERT and DASK_TLS_KEY, or --tls-ca, --tls-cert and --tls-key"
PLAIN = (
    "without TLS whoever reaches a port of Dask runs programs there, so it is not used beyond this machine; start "
    f"scheduler and workers with certificates, name it tls://..., and {WITH_TLS}"
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster and how it is reached.

    Attributes:
        client: Connected.
        name: For people: the scheduler's address, or that the workers are here.
        is_local: Whether the workers are processes of this run, which end with it.
        has_dashboard: Whether the scheduler has what Dask's pages need; without it there is one that says so.
    """

    client: Client
    name: str
    is_local: bool
    has_dashboard: bool


@contextmanager
def connected(settings: Settings) -> Iterator[Cluster]:
    """The cluster of DASK_SCHEDULER.

    Raises:
        SettingsError: The address or a certificate cannot be used.
        ClusterError: Nobody answers there.
    """
    address = scheduler_address(settings.dask_scheduler or "", with_tls=settings.dask_tls_cert is not None)
    security = _security(settings) if address.startswith("tls://") else None
    if security is None and is_beyond_this_machine(address):
        raise SettingsError(f"DASK_SCHEDULER={address!r}: {PLAIN}")
    _keep_quiet()
    try:
        packages = asyncio.run(_packages_of_scheduler(address, security))
        if not (other := difference(versions_of(packages), installed_versions())):
            client = Client(address, security=security, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError, ImportError) as error:
        raise ClusterError(
            f"no Dask scheduler can be used at {address} ({_brief(error)}); start one with `dask scheduler`, from the "
            "same image as this"
        ) from None
    if other:
        raise ClusterError(f"the scheduler ({address}) has {other}; {SAME_IMAGE}")
    try:
        client.loop.asyncio_loop.set_exception_handler(_forget)
        yield Cluster(client, address, is_local=False, has_dashboard=bool(packages.get(DASHBOARD)))
    finally:
        client.close(timeout=2)


@contextmanager
def started_here(count: int, variables: dict[str, str]) -> Iterator[Cluster]:
    """So many worker processes on this machine, which share its cores.

    Args:
        count: How many.
        variables: What their environment has besides that of this process.

    Raises:
        ClusterError: They do not start.
    """
    _keep_quiet()
    try:
        cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=max(1, count_cores() // count),
            host=LOCAL,
            memory_limit=0,  # the networks' memory looks like a leak to Dask, which would kill healthy workers
            dashboard_address=f"{LOCAL}:0",
            env=variables,
            silence_logs=logging.CRITICAL,
            scheduler_kwargs={"allowed_failures": LOCAL_DEATHS},
        )
    except (OSError, RuntimeError, TimeoutError) as error:
        raise ClusterError(f"{count} worker processes do not start: {_brief(error)}") from None
    with cluster, Client(cluster, timeout=CONNECT_S, set_as_default=False) as client:
        client.loop.asyncio_loop.set_exception_handler(_forget)
        has_dashboard = find_spec(DASHBOARD) is not None
        yield Cluster(client, "the worker processes of this run", is_local=True, has_dashboard=has_dashboard)


def scheduler_address(given: str, *, with_tls: bool) -> str:
    """An address as Dask has it: with its protocol.

    Raises:
        SettingsError: It is none.
    """
    address = given if "://" in given else f"{'tls' if with_tls else 'tcp'}://{given}"
    parts = urlsplit(address)
    try:
        usable = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port and not parts.path.strip("/")
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f"DASK_SCHEDULER={given!r}: must be an address such as tls://scheduler.lan:8786")
    if with_tls and parts.scheme == "tcp":
        raise SettingsError(f"DASK_SCHEDULER={given!r}: goes without the certificates that are given; take tls://")
    return f"{parts.scheme}://{parts.netloc}"


def is_beyond_this_machine(address: str) -> bool:
    """Whether plain connections to it could be read or joined by others: any of its addresses is not loopback."""
    host = urlsplit(address).hostname or ""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return host != "localhost"
    return not all(ipaddress.ip_address(str(one).partition("%")[0]).is_loopback for one in found)


def is_open_to_others(address: str) -> bool:
    """Whether a worker is reached without TLS beyond this machine."""
    return address.startswith("tcp://") and is_beyond_this_machine(address)


async def _packages_of_scheduler(address: str, security: Security | None) -> dict[str, str | None]:
    """Their versions, asked before anything else, in words that all releases of Dask know."""
    arguments = (security or Security()).get_connection_args("client")
    async with rpc(address, timeout=CONNECT_S, connection_args=arguments) as scheduler:
        answer = await asyncio.wait_for(scheduler.versions(packages=[*PACKAGES, DASHBOARD]), CONNECT_S)
    packages: dict[str, str | None] = answer["packages"]
    return packages


def _security(settings: Settings) -> Security:
    """By the settings, else by Dask's own configuration."""
    given = {
        "tls_ca_file": settings.dask_tls_ca,
        "tls_client_cert": settings.dask_tls_cert,
        "tls_client_key": settings.dask_tls_key,
    }
    security = Security(
        require_encryption=True, **{name: str(path) for name, path in given.items() if path is not None}
    )
    found = [security.tls_ca_file, security.tls_client_cert, security.tls_client_key]
    if not all(found[:2]):
        raise SettingsError(f"tls:// needs certificates; {WITH_TLS}, or Dask's own configuration")
    for name in filter(None, found):
        if "\n" not in name and not Path(name).is_file():
            raise SettingsError(f"{name}: there is no such certificate or key")
    try:
        security.get_connection_args("client")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise SettingsError(f"{found[1]}: certificate and key cannot be used: {_brief(error)}") from None
    return security


def _keep_quiet() -> None:
    """Dask's own lines have tracebacks with arguments. The roster says what happens."""
    for name in ("distributed", *(one for one in logging.root.manager.loggerDict if one.startswith("distributed."))):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    dask.config.set(QUIET)


def _forget(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What Dask leaves unheard in its own loop, as where a worker dies that results are being fetched from."""
    log.debug("in Dask's loop: %s", context.get("message"))


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
