"""A dump's files, in a folder or a zip file."""

from __future__ import annotations

import hashlib
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from jfdask.errors import DumpError, SettingsError

#: The file of ratings, and those beside it that tell which films they are of.
KINDS = {"ratings.csv": ("links.csv", "movies.csv"), "ratings.dat": ("movies.dat",)}
_BLOCK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class Dump:
    """A dump whose files have been found."""

    path: Path  # the folder or zip file
    ratings: str  # the file of ratings, from there
    beside: tuple[str, ...]  # those files of its kind that are there

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.resolve().name.removesuffix(".zip")

    @property
    def is_csv(self) -> bool:
        """Whether fields are separated by commas below a line of names, not by ``::``."""
        return self.ratings.endswith(".csv")

    @property
    def files(self) -> tuple[str, ...]:
        """All files, the ratings first."""
        return (self.ratings, *self.beside)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for reading; what goes wrong while it is read is a DumpError."""
        try:
            if self.path.is_dir():
                with (self.path / name).open("rb") as stream:
                    yield stream
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(name) as member:
                    yield member  # type: ignore[misc]
        # What is encrypted is a RuntimeError, an unknown compression a NotImplementedError.
        except (OSError, EOFError, RuntimeError, *_DAMAGED) as error:
            raise DumpError(
                f"{name} of {self.path} cannot be read to its end ({error}). Download it again."
            ) from error

    def size(self, name: str) -> int:
        """Return the bytes of a file."""
        if self.path.is_dir():
            return (self.path / name).stat().st_size
        with zipfile.ZipFile(self.path) as archive:
            return archive.getinfo(name).file_size

    def sha256(self) -> str:
        """Return the checksum of all of it, whether in a folder or a zip file: it is read."""
        total = hashlib.sha256()
        for name in self.files:
            total.update(f"{PurePosixPath(name).name} {self.size(name)}\n".encode())
            with self.open(name) as stream:
                while block := stream.read(_BLOCK):
                    total.update(block)
        return total.hexdigest()


def open_dump(path: Path) -> Dump:
    """Return the dump at a path, a folder or a zip file; its files may lie in a subfolder.

    Raises
    ------
    SettingsError
        There is nothing at the path, or something else.
    DumpError
        Files are missing, or the zip file is damaged.
    """
    names = _names(path)
    found = [name for name in names if PurePosixPath(name).name in KINDS]
    if not found:
        raise DumpError(
            f"There is no ratings.csv or ratings.dat in {path}. Give the folder or the zip file "
            "as it was downloaded."
        )
    if len(found) > 1:
        raise DumpError(
            f"There are several files of ratings in {path}: {', '.join(sorted(found))}. Give the "
            "folder of one of them."
        )
    ratings = PurePosixPath(found[0])
    wanted = KINDS[ratings.name]
    beside = tuple(n for n in (str(ratings.with_name(w)) for w in wanted) if n in names)
    if not beside:
        raise DumpError(
            f"There is no {' and no '.join(wanted)} beside {ratings} in {path}: without, nobody "
            "can tell which films the ratings are of. Unpack all of the download."
        )
    return Dump(path, str(ratings), beside)


def _names(path: Path) -> set[str]:
    if path.is_dir():
        files = [*path.glob("*.*"), *path.glob("*/*.*")]
        return {file.relative_to(path).as_posix() for file in files if file.is_file()}
    if not path.exists():
        raise SettingsError(f"There is no {path}. Give the folder or zip file of the ratings.")
    if path.name in KINDS:
        raise SettingsError(f"{path} is one file of several. Give its folder: {path.parent}.")
    try:
        with zipfile.ZipFile(path) as archive:
            return {name for name in archive.namelist() if not name.startswith("__MACOSX/")}
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise DumpError(
            f"{path} is neither a folder nor a whole zip file ({error}). Download it again."
        ) from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}). Look at it.") from error
