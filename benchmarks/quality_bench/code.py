"""What figures depend on besides the data: sources, and versions of packages."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jfdask

_HERE, _JFDASK = Path(__file__).parent, Path(jfdask.__file__).parent
#: What features, their SVD and text models come of.
FEATURES = (
    *(_JFDASK / name for name in ("features", "stages/featurize", "settings.py", "tables.py")),
    _HERE / "world.py",
)
#: What figures come of.
FIGURES = (
    *FEATURES,
    *(_JFDASK / name for name in ("model", "jellyfin/parsing.py", "jellyfin/fields.py")),
    *(_JFDASK / "stages" / name for name in ("fetch/assemble.py", "pretrain", "pools.py")),
    _HERE,
    _HERE.parent / "quality.py",
)
PACKAGES = ("dask", "fasttext", "implicit", "numpy", "scikit-learn", "scipy")


def code_digest(sources: Sequence[Path], *data: str) -> str:
    """Return a digest of files and folders of sources, of packages, and of the data's digests."""
    total = blake2b(digest_size=8)
    for part in (*data, *(f"{package} {_version(package)}" for package in PACKAGES)):
        total.update(part.encode() + b"\0")
    for source in sources:
        for path in sorted(source.rglob("*.py")) if source.is_dir() else [source]:
            name = path.relative_to(source.parent).as_posix()
            total.update(name.encode() + b"\0" + blake2b(path.read_bytes()).digest())
    return total.hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
