"""The code's own version: what was installed, and a digest of its source."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path


@cache
def code_version() -> str:
    """Return ``<version>+<digest of the modules that results come of>``.

    Two checkouts that differ by a line differ here: a stage that was done by other code is
    done again, and a worker that runs other code is noticed. The demo is left out: it is
    somebody else's server.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        if path.is_relative_to(root / "demo"):
            continue
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return f"{version('jfdask')}+{digest.hexdigest()[:12]}"
