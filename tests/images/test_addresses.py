"""Which addresses are public, private or closed to images, whatever they are spelled and wrapped like."""

import socket
import threading
from collections.abc import Callable

import pytest

from wholebody.errors import ImageError
from wholebody.images.addresses import PRIVATE, PUBLIC, REFUSED, Gate, classify
from wholebody.settings import load_settings


@pytest.mark.parametrize(
    ("kind", "addresses"),
    [
        (PUBLIC, ["8.8.8.8", "1.1.1.1", "169.253.255.255", "169.255.0.0", "223.255.255.255", "2606:4700::1111"]),
        # an IPv6-only network reaches IPv4 servers like this
        (PUBLIC, ["64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b:1::808:808"]),
        (PRIVATE, ["127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"]),
        (PRIVATE, ["100.64.0.1", "198.18.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.0.0.1"]),
        (PRIVATE, ["::1", "fc00::1", "fd12:3456::1", "fec0::1", "2001:db8::1"]),
        (PRIVATE, ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:c0a8:101::1"]),
        # link-local, and where clouds keep their metadata
        (REFUSED, ["169.254.169.254", "169.254.0.0", "169.254.255.255", "169.254.170.2", "fe80::1", "fe80::1%eth0"]),
        (REFUSED, ["febf::1", "fd00:ec2::254", "fd20:ce::254", "fd00:42::42"]),
        (REFUSED, ["100.100.100.200", "168.63.129.16", "192.0.0.192"]),
        # ... inside IPv6 addresses: mapped, compatible, NAT64, 6to4, Teredo
        (REFUSED, ["::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::169.254.169.254", "64:ff9b::a9fe:a9fe"]),
        (REFUSED, ["64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::", "2001:0:4136:e378:8000:63bf:5601:5601"]),
        (REFUSED, ["::ffff:100.100.100.200", "::ffff:0.0.0.0", "::ffff:0:169.254.169.254"]),
        # this machine under other names, multicast, broadcast, reserved
        (REFUSED, ["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"]),
        (REFUSED, ["::", "::7f00:1", "ff02::1", "ff0e::1", "4000::1", "5f00::1", "100::1"]),
        # what is no address at all
        (REFUSED, ["", "localhost", "/run/socket", "1.2.3"]),
    ],
)
def test_what_an_address_is(kind: str, addresses: list[str]) -> None:
    assert [classify(address) for address in addresses] == [kind] * len(addresses)


ALWAYS = "a link-local, metadata or reserved address; images never come from those"
CLOSED = "a private address; IMAGE_PRIVATE_ADDRESSES=true lets images come from it"


def gate(**settings: object) -> Gate:
    return Gate(load_settings(**settings))


def refusal(passed: Gate, host: str, port: int | None = None, scheme: str = "http") -> str:
    with pytest.raises(ImageError) as raised:
        passed.resolve(scheme, host, port, 5)
    assert raised.value.cause == "image_refused"
    return str(raised.value)


def answering(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """`socket.getaddrinfo` is the resolver: every host has these addresses."""

    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in one], socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        # as one number, in hexadecimal, in octal, shortened: the resolver reads them all
        "2852039166",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "0xa9.0xfe.0xa9.0xfe",
        "169.254.43518",
        "169.16689662",
        # as IPv6
        "[::ffff:169.254.169.254]",
        "::ffff:a9fe:a9fe",
        "[fe80::1]",
    ],
)
def test_every_spelling_of_a_metadata_address_is_refused(host: str) -> None:
    assert refusal(gate(), host).endswith(f"{'is ' + ALWAYS}")


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "127.1", "[::1]", "localhost"])
def test_private_addresses_are_open_until_they_are_closed(host: str) -> None:
    assert gate().resolve("http", host, 80, 5)
    assert refusal(gate(image_private_addresses=False), host).endswith(f"is {CLOSED}")


def test_one_forbidden_address_among_many_closes_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "93.184.216.34", "169.254.169.254")
    assert refusal(gate(), "two.example") == f"two.example (169.254.169.254) is {ALWAYS}"
    answering(monkeypatch, "93.184.216.34", "2606:4700::1111", "10.0.0.1")
    assert refusal(gate(image_private_addresses=False), "three.example") == f"three.example (10.0.0.1) is {CLOSED}"


def test_the_addresses_that_were_checked_are_those_that_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "93.184.216.34", "2606:4700::1111")
    found = gate().resolve("http", "two.example", 81, 5)
    assert [entry[4] for entry in found] == [("93.184.216.34", 81), ("2606:4700::1111", 81)]


@pytest.mark.parametrize(
    ("url", "let_through", "refused"),
    [
        ("http://169.254.10.20:8080", ("http", "169.254.10.20", 8080), ("http", "169.254.10.20", 80)),
        ("http://169.254.10.20", ("http", "169.254.10.20", None), ("https", "169.254.10.20", None)),
        ("https://127.0.0.1", ("https", "127.0.0.1", 443), ("http", "127.0.0.1", 443)),
        ("http://[::1]:8080/ls", ("http", "[::1]", 8080), ("http", "[::1]", 8081)),
        ("http://LocalHost:8080", ("http", "localhost", 8080), ("http", "127.0.0.1", 8080)),
    ],
)
def test_label_studios_own_origin_is_let_through(
    url: str, let_through: tuple[str, str, int | None], refused: tuple[str, str, int | None]
) -> None:
    passed = gate(label_studio_url=url, image_private_addresses=False, image_hosts="images.example")
    passed.check_host(*let_through)
    assert passed.resolve(*let_through, 5)
    with pytest.raises(ImageError, match="is not among IMAGE_HOSTS"):
        passed.check_host(*refused)
    scheme, host, port = refused
    assert refusal(passed, host, port, scheme).endswith((ALWAYS, CLOSED))


@pytest.mark.parametrize(
    ("allowed", "hosts", "others"),
    [
        (
            "images.example.org",
            ["images.example.org", "IMAGES.Example.org", "images.example.org."],
            [
                "example.org",
                "a.images.example.org",
                "images.example.org.evil",
                "images.example.orgx",
                "ximages.example",
            ],
        ),
        (
            "*.example.org",
            ["a.example.org", "a.b.example.org", "A.EXAMPLE.ORG."],
            ["example.org", "xexample.org", "a.example.org.evil", ".example.org", "a.example.com"],
        ),
        ("*.example.org,example.org", ["example.org", "a.example.org"], ["other.org"]),
        ("10.1.2.3", ["10.1.2.3"], ["10.1.2.4", "167838211", "0xa010203", "10.1.2.3.evil"]),
        ("[::1]", ["[::1]", "::1", "[0:0:0:0:0:0:0:1]"], ["[::2]", "127.0.0.1"]),
        ("127.0.0.1, images.example", ["127.0.0.1", "images.example"], ["localhost"]),
    ],
)
def test_the_list_of_hosts(allowed: str, hosts: list[str], others: list[str]) -> None:
    passed = gate(image_hosts=allowed)
    for host in hosts:
        passed.check_host("http", host, 80)
    for host in others:
        with pytest.raises(ImageError) as raised:
            passed.check_host("http", host, 80)
        assert str(raised.value) == f"{host} is not among IMAGE_HOSTS; add it there if images may come from it"


def test_a_host_of_the_list_must_have_an_open_address_too() -> None:
    assert refusal(gate(image_hosts="169.254.169.254"), "169.254.169.254") == f"169.254.169.254 is {ALWAYS}"
    passed = gate(image_hosts="127.0.0.1", image_private_addresses=False)
    assert refusal(passed, "127.0.0.1") == f"127.0.0.1 is {CLOSED}"


def test_a_resolver_that_hangs_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    hanging: Callable[..., object] = lambda *_, **__: answered.wait(60) and []  # noqa: E731
    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    with pytest.raises(TimeoutError, match=r"^slow\.example was not resolved in 0\.05 s$"):
        gate().resolve("http", "slow.example", 80, 0.05)
    answered.set()


def test_what_the_resolver_raises_is_passed_on() -> None:
    with pytest.raises(socket.gaierror):
        gate().resolve("http", "no-such-host.invalid", 80, 10)
    with pytest.raises(UnicodeError):
        gate().resolve("http", "a" * 70 + ".example", 80, 10)
