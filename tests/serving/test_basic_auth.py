"""How the password is compared: in constant time, and always both halves."""

import hmac

import pytest

from tests.serving.test_server import PASSWORD, USER, basic, client_for


@pytest.mark.parametrize(
    ("user", "password", "status"),
    [(USER, PASSWORD, 200), ("other", PASSWORD, 401), (USER, "wrong", 401), ("other", "wrong", 401), ("", "", 401)],
)
def test_name_and_password_are_both_compared_in_constant_time(
    user: str, password: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    real = hmac.compare_digest

    def recorded(given: bytes, expected: bytes) -> bool:
        compared.append((given, expected))
        return real(given, expected)

    client = client_for(basic_auth_user=USER, basic_auth_pass=PASSWORD)
    monkeypatch.setattr(hmac, "compare_digest", recorded)
    assert client.get("/health", headers=basic(user, password)).status_code == status
    assert sorted(compared) == sorted([(user.encode(), USER.encode()), (password.encode(), PASSWORD.encode())])


def test_only_the_comparison_in_constant_time_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_for(basic_auth_user=USER, basic_auth_pass=PASSWORD)
    monkeypatch.setattr(hmac, "compare_digest", lambda given, expected: False)
    assert client.get("/health", headers=basic(USER, PASSWORD)).status_code == 401
