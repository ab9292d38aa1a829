"""How gunicorn serves the backend: one process with one model, several threads."""

import sys

from gunicorn.arbiter import Arbiter

from wholebody.errors import WholebodyError
from wholebody.logs import configure_logging
from wholebody.settings import load_settings
from wholebody.weights import find_weights

try:
    settings = load_settings()
except WholebodyError as error:
    sys.exit(f"error: {error}")

host = f"[{settings.host}]" if ":" in settings.host else settings.host
bind = f"{host}:{settings.port}"
workers = 1
worker_class = "gthread"
threads = settings.threads
timeout = 300  # for loading the model; afterwards a worker reports alive however long its requests take
graceful_timeout = 100  # Label Studio waits as long for a prediction
loglevel = settings.log_level.lower()
control_socket_disable = True


def on_starting(server: Arbiter) -> None:
    """Download missing weights once, before any worker is started."""
    configure_logging(settings.log_level)
    try:
        find_weights(settings)
    except WholebodyError as error:
        sys.exit(f"error: {error}")
