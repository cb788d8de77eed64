"""What code a process runs: this package, Python, and the packages that results come of."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from jfdask.version import code_version

#: What computes, and what messages and stored files are made with. The command line's own
#: packages may differ.
PACKAGES = (
    "cloudpickle",
    "dask",
    "dask-ml",
    "distributed",
    "fasttext",
    "fsspec",
    "httpx",
    "joblib",
    "msgpack",
    "numpy",
    "orjson",
    "pandas",
    "pyarrow",
    "pydantic",
    "s3fs",
    "scikit-learn",
    "scipy",
    "skops",
    "stamina",
    "threadpoolctl",
    "tornado",
)


@dataclass(frozen=True)
class Versions:
    """What a process runs."""

    of: tuple[tuple[str, str], ...]  # (name, version), "not installed" for a package that is not


@cache
def versions_here() -> Versions:
    """Return what this process runs.

    Once a process: what is installed over a running worker is not what it has loaded.
    """
    packages = ((name, _version_of(name)) for name in PACKAGES)
    return Versions((("jfdask", code_version()), ("Python", platform.python_version()), *packages))


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def differences(there: Versions, here: Versions) -> list[str]:
    """Return where two processes differ, a clause each.

    >>> there = Versions((("Python", "3.11.9"), ("pandas", "3.1.0")))
    >>> differences(there, Versions((("Python", "3.11.9"), ("pandas", "3.1.1"))))
    ['pandas 3.1.0, here 3.1.1']
    """
    found = dict(there.of)
    return [
        f"{name} {found.get(name, 'not looked at')}, here {wanted}"
        for name, wanted in here.of
        if found.get(name) != wanted
    ]
