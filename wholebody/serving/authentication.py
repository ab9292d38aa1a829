"""The password that callers must give (HTTP Basic), and which routes need none."""

import hmac

from flask import Flask, Response, request

from wholebody.serving.answers import error_answer
from wholebody.settings import Settings

OPEN_ROUTES = frozenset({"ready", "webhook"})
"""Without a password: the container's own check, and the one call that Label Studio makes without it."""


def add_authentication(app: Flask, settings: Settings) -> None:
    """Answer 401 to whoever does not give the settings' user name and password; nothing is asked where these have none.

    Addresses without a route are behind it too, so strangers cannot tell what is there.
    """

    @app.before_request
    def authenticate() -> Response | None:
        if settings.basic_auth_user is None or request.endpoint in OPEN_ROUTES or _authenticated(settings):
            return None
        response = error_answer("wrong or missing user name and password (BASIC_AUTH_USER)", 401)
        response.headers["WWW-Authenticate"] = 'Basic realm="wholebody"'
        return response


def _authenticated(settings: Settings) -> bool:
    given = request.authorization
    if given is None or given.type != "basic" or settings.basic_auth_pass is None:
        return False
    user_is_right = hmac.compare_digest((given.username or "").encode(), (settings.basic_auth_user or "").encode())
    expected = settings.basic_auth_pass.get_secret_value().encode()
    return hmac.compare_digest((given.password or "").encode(), expected) and user_is_right
