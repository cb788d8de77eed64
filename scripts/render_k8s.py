"""Write what the example overlay applies to tests/k8s/example.yaml: `make k8s` (needs kubectl).

The tests look at what kustomize makes of the manifests, also where there is no kustomize: this
file is its output, headed by a digest of the files it was made of.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RENDERED = ROOT / "tests" / "k8s" / "example.yaml"
FOLDERS = ("k8s/base", "k8s/overlays/example")


def digest() -> str:
    """Return a digest of everything that the overlay is made of."""
    total = hashlib.sha256()
    for path in sorted(p for folder in FOLDERS for p in (ROOT / folder).iterdir()):
        total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def render() -> str:
    """Return what `kubectl apply --kustomize` would apply."""
    command = ["kubectl", "kustomize", "k8s/overlays/example"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return (
        f"# Written by scripts/render_k8s.py from files with the digest {digest()}\n{done.stdout}"
    )


if __name__ == "__main__":
    RENDERED.write_text(render(), encoding="utf-8")
