"""Packages that only some commands need."""

from importlib import import_module
from types import ModuleType

from wholebody.errors import SettingsError


def needed(module: str) -> ModuleType:
    """A module of a package of requirements-dataset.txt.

    Raises:
        SettingsError: It is not installed; says the cure.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"the package {error.name} is not installed; pip install -r requirements-dataset.txt"
        ) from None
