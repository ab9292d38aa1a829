"""How gunicorn serves the backend: one process with one model, several threads."""

import math
import sys

from gunicorn.arbiter import Arbiter

from wholebody.errors import WholebodyError
from wholebody.estimation.weights import find_weights
from wholebody.process.logs import logging_config
from wholebody.serving.binding import bind_address
from wholebody.serving.draining import REPLACED, DrainingWorker
from wholebody.settings import load_settings

try:
    settings = load_settings()
    bind = bind_address(settings.host, settings.port)
except WholebodyError as error:
    sys.exit(f"error: {error}")

SPARE_THREADS = 16
"""For whatever is answered at once: /health, /setup, refusals; and for connections that send nothing."""

IDLE_CONNECTIONS = 500
ANSWER_S = 15
"""What a call may take beyond its deadline: the answer has to be sent."""

workers = 1
worker_class = DrainingWorker
threads = settings.threads + settings.queue_limit + SPARE_THREADS  # a call that waits has one, too
worker_connections = threads + IDLE_CONNECTIONS
timeout = 300  # for loading the model; afterwards a worker reports alive however long its requests take
graceful_timeout = math.ceil(settings.predict_deadline_seconds) + ANSWER_S
loglevel = settings.log_level.lower()
logconfig_dict = logging_config(settings.log_level, settings.log_format)
control_socket_disable = True


def on_starting(server: Arbiter) -> None:
    """Download missing weights once, before any worker is started."""
    try:
        find_weights(settings)
    except WholebodyError as error:
        sys.exit(f"error: {error}")


def post_worker_init(worker: DrainingWorker) -> None:
    """The model is loaded, and requests are answered from now on."""
    worker.log.info("Ready on port %d", settings.port)


def on_reload(server: Arbiter) -> None:
    """SIGHUP: new workers take over from those that are told here."""
    server.kill_workers(REPLACED)


def pre_exec(server: Arbiter) -> None:
    """SIGUSR2: the workers of another gunicorn do."""
    server.kill_workers(REPLACED)
