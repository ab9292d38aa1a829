"""Which addresses are used, and which are refused: whoever reaches a plain port of Dask runs programs there."""

from pathlib import Path

import pytest

from tests.cluster.conftest import Open, tasks_of
from tests.cluster.processes import dask_processes
from tests.tls import make_certificate
from wholebody.cluster.connecting import is_beyond_this_machine, is_open_to_others, scheduler_address
from wholebody.errors import ClusterError, SettingsError


@pytest.mark.parametrize(
    ("given", "with_tls", "address"),
    [
        ("tcp://127.0.0.1:8786", False, "tcp://127.0.0.1:8786"),
        ("localhost:8786", False, "tcp://localhost:8786"),
        ("scheduler.lan:8786", True, "tls://scheduler.lan:8786"),
        ("tls://[fd00::1]:8786/", True, "tls://[fd00::1]:8786"),
    ],
)
def test_an_address_is_taken_as_dask_has_it(given: str, with_tls: bool, address: str) -> None:
    assert scheduler_address(given, with_tls=with_tls) == address


@pytest.mark.parametrize(
    ("given", "with_tls"),
    [
        ("scheduler", False),
        ("tcp://:8786", False),
        ("tcp://a:99999", False),
        ("http://a:8786", False),
        ("tcp://a:8786/path", False),
        ("tcp://a:8786", True),
    ],
)
def test_what_is_no_address_is_named(given: str, with_tls: bool) -> None:
    with pytest.raises(SettingsError, match=r"DASK_SCHEDULER="):
        scheduler_address(given, with_tls=with_tls)


@pytest.mark.parametrize(
    ("address", "is_beyond"),
    [
        ("tcp://127.0.0.1:1", False),
        ("tcp://127.8.9.1:1", False),
        ("tcp://[::1]:1", False),
        ("tcp://localhost:1", False),
        ("tcp://10.0.0.3:1", True),
        ("tcp://0.0.0.0:1", True),
        ("tcp://no-such-host.invalid:1", True),
    ],
)
def test_only_loopback_is_this_machine(address: str, is_beyond: bool) -> None:
    assert is_beyond_this_machine(address) == is_beyond
    assert is_open_to_others(address) == is_beyond
    assert not is_open_to_others(address.replace("tcp", "tls"))


def test_a_plain_scheduler_elsewhere_is_refused_with_the_reason(opened: Open) -> None:
    message = r"DASK_SCHEDULER='tcp://10.0.0.3:8786': without TLS whoever reaches a port of Dask runs.*--tls-ca"
    with pytest.raises(SettingsError, match=message), opened("tcp://10.0.0.3:8786"):
        pass


@pytest.mark.parametrize("lacks", ["all", "file"])
def test_tls_needs_certificates(opened: Open, tmp_path: Path, lacks: str) -> None:
    given = {} if lacks == "all" else {"dask_tls_ca": tmp_path / "ca.pem", "dask_tls_cert": tmp_path / "c.pem"}
    message = (
        "tls:// needs certificates; set DASK_TLS_CA" if lacks == "all" else r"ca.pem: there is no such certificate"
    )
    with pytest.raises(SettingsError, match=message), opened("tls://10.0.0.3:8786", **given):
        pass


def test_a_key_that_belongs_to_another_certificate_is_named(opened: Open, tmp_path: Path) -> None:
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        folder.mkdir()
        make_certificate(folder)
    given = {"dask_tls_ca": folders[0] / "certificate.pem", "dask_tls_cert": folders[0] / "certificate.pem"}
    with (
        pytest.raises(SettingsError, match=r"certificate.pem: certificate and key cannot be used"),
        opened("tls://10.0.0.3:8786", dask_tls_key=folders[1] / "key.pem", **given),
    ):
        pass


@pytest.mark.thorough
def test_with_certificates_a_cluster_is_used_and_without_them_it_is_not(opened: Open, tmp_path: Path) -> None:
    both = make_certificate(tmp_path)
    ca = tmp_path / "certificate.pem"
    options = ("--tls-ca-file", str(ca), "--tls-cert", str(both))
    given = {"dask_tls_ca": ca, "dask_tls_cert": both}
    with dask_processes(tmp_path / "dask", *options, protocol="tls", workers=1) as dask:
        with opened(dask.address, **given) as predictor:
            assert len(list(predictor.predict(iter(tasks_of(*["empty"] * 30))))) == 30
        with (
            pytest.raises(ClusterError, match=r"no Dask scheduler can be used at tcp://127.0.0.1"),
            opened(dask.address.replace("tls", "tcp")),
        ):
            pass
        (other := tmp_path / "other").mkdir()
        stranger = {"dask_tls_ca": ca, "dask_tls_cert": make_certificate(other)}
        with pytest.raises(ClusterError, match=r"no Dask scheduler can be used"), opened(dask.address, **stranger):
            pass
