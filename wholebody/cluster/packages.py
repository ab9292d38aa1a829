"""What must be the same on the client, the scheduler and every worker, for they send each other Python's pickles."""

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

Versions = dict[str, str]
"""Name -> version; `""` for what is not installed."""

PACKAGE = "label-studio-wholebody"
PACKAGES = ("dask", "distributed", PACKAGE)

SAME_IMAGE = "start scheduler, workers and this command from the same image or list of packages"


def installed_versions() -> Versions:
    """What this process has."""
    return {"Python": f"{sys.version_info.major}.{sys.version_info.minor}"} | {
        name: _version(name) for name in PACKAGES
    }


def versions_of(dask_says: Mapping[str, str | None]) -> Versions:
    """What another process has, by the packages that Dask's own report of versions names."""
    python = ".".join(str(dask_says.get("python")).split(".")[:2])
    return {"Python": python} | {name: dask_says.get(name) or "" for name in PACKAGES}


def difference(theirs: Versions, ours: Versions) -> str:
    """In words what they have otherwise than we, or `""`."""
    return ", ".join(
        f"{'no ' if not theirs.get(name) else ''}{name} {theirs.get(name, '')}".strip()
        + f" (here {ours[name] or 'none'})"
        for name in ours
        if theirs.get(name, "") != ours[name]
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
