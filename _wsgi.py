"""The WSGI app that gunicorn serves: `gunicorn _wsgi:app`, configured by gunicorn.conf.py."""

import sys

from model import WholebodyBackend, load_annotator
from wholebody.errors import WholebodyError
from wholebody.process.logs import configure_logging
from wholebody.serving.server import create_app
from wholebody.settings import load_settings

GUNICORN_STOPS = 4  # the exit code at which gunicorn gives up instead of starting the worker again

try:
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    annotator = load_annotator()
    app = create_app(WholebodyBackend, settings, annotator.model_version, annotator.devices, annotator.hear_address)
except WholebodyError as error:
    sys.stderr.write(f"error: {error}\n")
    sys.exit(GUNICORN_STOPS)
