"""Where log lines go and what they look like."""

import logging


def configure_logging(level: str) -> None:
    """Log to standard error at `level`. The HTTP library's own lines, with addresses in full, stay out."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    logging.getLogger("urllib3").setLevel(max(logging.WARNING, logging.getLevelName(level)))
