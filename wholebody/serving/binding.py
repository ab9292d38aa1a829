"""The address that the server listens on, tried before gunicorn tries it five times without naming the setting."""

import errno
import re
import socket

from wholebody.errors import SettingsError

CURE = (
    "set HOST=0.0.0.0 (all addresses), HOST=127.0.0.1 (this machine alone) or HOST=::, or unset it in the environment, "
    "where other programs may have set it, as conda's compilers do"
)


def bind_address(host: str, port: int) -> str:
    """What gunicorn is told to listen on.

    Args:
        host: An address or a name of this machine; an IPv6 address with or without brackets.
        port: The port.

    Raises:
        SettingsError: It cannot listen there. A port that is in use is left to gunicorn, which says so, and which may
            itself be what uses it.
    """
    if with_port := re.fullmatch(r"(\[.*\]|[^:]*):(\d+)", host):
        raise SettingsError(
            f"HOST={host!r}: has a port; set HOST={with_port[1].strip('[]') or '0.0.0.0'} and PORT={with_port[2]}"
        )
    bare = host[1:-1] if re.fullmatch(r"\[.*\]", host) else host
    is_ipv6 = ":" in bare
    try:
        with socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((bare, port))
    except (socket.gaierror, UnicodeError, ValueError):
        raise SettingsError(f"HOST={host!r}: is no address that this machine knows; {CURE}") from None
    except PermissionError:
        raise SettingsError(f"PORT={port}: this user may not listen there; use a port from 1024 on") from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise SettingsError(f"HOST={host!r}: cannot be listened on ({error.strerror}); {CURE}") from None
    return f"[{bare}]:{port}" if is_ipv6 else f"{bare}:{port}"
