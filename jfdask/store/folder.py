"""A folder as object store: whole files or none, private, exclusive create."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

# No key begins with a dot, so that what a crash leaves behind is never taken for a file.
_TEMPORARY = ".tmp-"
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class Folder:
    """Keys as paths below a root. Errors are OSErrors; keys have been checked by the caller."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def read(self, key: str) -> bytes:
        """Return the file's bytes."""
        return self._path(key).read_bytes()

    def write(self, key: str, data: bytes) -> None:
        """Replace the file as a whole: readers see the old bytes or the new ones."""
        path = self._path(key)
        temporary = self._write_temporary(path, data)
        try:
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def create(self, key: str, data: bytes) -> None:
        """Write the file if there is none; FileExistsError otherwise.

        A hard link gives the content its name in one step. Where links are unknown (some
        network and FAT volumes) the name comes first and the content a moment later.
        """
        path = self._path(key)
        temporary = self._write_temporary(path, data)
        try:
            os.link(temporary, path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _write_new(path, data)
        finally:
            temporary.unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        """Tell whether the file is there."""
        return self._path(key).is_file()

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return key and size in bytes of every file below a folder."""
        found: dict[str, int] = {}
        pending = [self._path(prefix)]
        while pending:
            folder = pending.pop()
            with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir():  # or a link to one, on a larger disk
                        pending.append(Path(entry.path))
                    else:
                        key = Path(entry.path).relative_to(self.root).as_posix()
                        # Somebody else may be clearing away: that one is gone, no other.
                        with contextlib.suppress(FileNotFoundError):
                            found[key] = entry.stat().st_size
        return found

    def children(self, prefix: str) -> list[str]:
        """Return the names right below a folder, of files and folders."""
        try:
            return [p.name for p in self._path(prefix).iterdir() if not p.name.startswith(".")]
        except FileNotFoundError:
            return []

    def delete(self, keys: Sequence[str]) -> None:
        """Remove files; those that are not there are no mistake."""
        for key in keys:
            with contextlib.suppress(FileNotFoundError):
                self._path(key).unlink()

    def remove_tree(self, prefix: str) -> None:
        """Remove a folder with whatever is left in it, temporary files too; a link to one stays."""
        path = self._path(prefix)
        with contextlib.suppress(FileNotFoundError):
            if not path.is_symlink():
                shutil.rmtree(path)

    def copy(self, source: str, target: str) -> None:
        """Copy a file, whole or not at all."""
        self.write(target, self.read(source))

    def sweep(self, older_than_seconds: float) -> int:
        """Remove temporary files that a crash left behind; return how many."""
        # The age is the machine's own: only the file system's times are compared with it.
        before = time.time() - older_than_seconds
        swept = 0
        for folder, _, names in os.walk(self.root, followlinks=True):
            for name in names:
                if name.startswith(_TEMPORARY):
                    path = Path(folder, name)
                    with contextlib.suppress(FileNotFoundError):
                        if path.stat().st_mtime <= before:
                            path.unlink()
                            swept += 1
        return swept

    def _path(self, key: str) -> Path:
        return self.root / key if key else self.root

    def _write_temporary(self, path: Path, data: bytes) -> Path:
        # Beside its target: a rename across file systems is no rename.
        temporary = path.parent / f"{_TEMPORARY}{uuid.uuid4().hex}"
        try:
            _write_new(temporary, data)
        except FileNotFoundError:
            _make_folders(path.parent)
            _write_new(temporary, data)
        return temporary


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _make_folders(folder: Path) -> None:
    missing = []
    while not folder.exists():
        if folder.is_symlink():
            where = f"{folder} points to {folder.readlink()}, which is not there: is it mounted?"
            raise OSError(errno.ENOLINK, where)
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        # What people watch is nobody else's business: not for group or others.
        path.mkdir(mode=0o700, exist_ok=True)
