"""The store: keys and bytes, in a folder or in any object store that fsspec knows.

A ``StoreAddress`` travels; a ``Store`` is opened where it is used, which is also where its
secrets are read. It is safe to use from several threads.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Protocol, TypeVar

from jfdask.errors import DamagedArtifact, StoreError
from jfdask.store.address import StoreAddress, address_of, read_credentials
from jfdask.store.deadline import within
from jfdask.store.failures import describe, is_unknown_create
from jfdask.store.folder import Folder
from jfdask.store.keys import check_key
from jfdask.store.objects import Objects

__all__ = ["Store", "StoreAddress", "address_of", "open_store", "sha256_of"]

_T = TypeVar("_T")
_S = TypeVar("_S")
_IN_FLIGHT = 8  # calls at once when many keys are worked on
_BULK = 1000  # keys deleted within one deadline
_OF_FOLDERS = ("list", "sweep")  # what is done to the store as a whole, too


class _Backend(Protocol):
    def read(self, key: str) -> bytes: ...
    def write(self, key: str, data: bytes) -> None: ...
    def create(self, key: str, data: bytes) -> None: ...
    def exists(self, key: str) -> bool: ...
    def sizes(self, prefix: str) -> dict[str, int]: ...
    def children(self, prefix: str) -> list[str]: ...
    def delete(self, keys: Sequence[str]) -> None: ...
    def remove_tree(self, prefix: str) -> None: ...
    def copy(self, source: str, target: str) -> None: ...
    def sweep(self, older_than_seconds: float) -> int: ...


def sha256_of(data: bytes) -> str:
    """Return the SHA-256 of the bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def open_store(address: StoreAddress) -> Store:
    """Return the store at an address; its secrets are read now, in this process.

    Nothing is sent yet: ``Store.check`` does that. A process that opens an address again gets
    the same store, as connecting costs more than most tasks.

    Raises
    ------
    SettingsError
        A variable that should hold a secret is not set.
    StoreError
        The URL's scheme is not known, or its package is not installed.
    """
    if address.is_folder:
        return Store(address, Folder(address.url))
    credentials = read_credentials(address)
    return _open(address, tuple(sorted(credentials.items())), os.getpid())


@lru_cache(maxsize=8)
def _open(address: StoreAddress, credentials: tuple[tuple[str, str], ...], _pid: int) -> Store:
    try:
        return Store(address, Objects(address, dict(credentials)))
    except (ImportError, ValueError) as error:
        raise StoreError(
            f"The store {address.url} cannot be opened: {error}. Use a folder or s3://, or "
            "install the fsspec package for this scheme."
        ) from error


class Store:
    """Keys and bytes. Every call ends by its deadline; errors are StoreErrors.

    Keys are relative and checked; ValueError for one that is not a key. It pickles as its
    address and is opened anew on the other side.
    """

    def __init__(self, address: StoreAddress, backend: _Backend) -> None:
        self.address = address
        self.url = address.url
        self._backend = backend
        self._exclusive: bool | None = None

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def __reduce__(self) -> tuple[Callable[[StoreAddress], Store], tuple[StoreAddress]]:
        return open_store, (self.address,)

    def read(self, key: str) -> bytes:
        """Return the bytes of a key; MissingArtifact if there is none."""
        return self._call("read", key, lambda: self._backend.read(key))

    def read_checked(self, key: str, sha256: str) -> bytes:
        """Return the bytes of a key; DamagedArtifact if they are not those of the checksum."""
        data = self.read(key)
        if sha256_of(data) != sha256:
            raise DamagedArtifact(
                f"{key!r} in the store {self.url} is not what its manifest says (checksum). Run "
                "the stage that writes it again, or restore the file."
            )
        return data

    def write(self, key: str, data: bytes) -> None:
        """Write a key, as a whole: a reader sees the old bytes or the new ones.

        After StoreTimeout it is not known whether the bytes arrived.
        """
        self._call("write", key, lambda: self._backend.write(key, data))

    def create(self, key: str, data: bytes) -> None:
        """Write a key that must not be there yet; FileExistsError if it is.

        A service may answer so to the second try of a create whose first answer was lost: who
        has to know looks at what is there.
        """
        self._call("create", key, lambda: self._backend.create(key, data))

    def exists(self, key: str) -> bool:
        """Tell whether a key is there. Reading and catching MissingArtifact is cheaper."""
        return self._call("look for", key, lambda: self._backend.exists(key))

    def list(self, prefix: str = "") -> builtins.list[str]:
        """Return all keys below a folder (``""``: all there are), sorted."""
        return sorted(self.sizes(prefix))

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """Return all keys below a folder with their sizes in bytes."""
        return self._call("list", prefix, lambda: self._backend.sizes(prefix))

    def children(self, prefix: str = "") -> builtins.list[str]:
        """Return the names right below a folder, of files and folders, sorted; one call."""
        return sorted(set(self._call("list", prefix, lambda: self._backend.children(prefix))))

    def delete(self, key: str) -> None:
        """Remove a key; one that is not there is no mistake."""
        self._call("delete", key, lambda: self._backend.delete([key]))

    def delete_all(self, prefix: str) -> int:
        """Remove all keys below a folder; return how many.

        Shallow ones go first, so that a folder's manifest is gone before its files are.
        """
        check_key(prefix)
        keys = sorted(self.list(prefix), key=lambda key: (key.count("/"), key))
        for start in range(0, len(keys), _BULK):
            some = keys[start : start + _BULK]
            self._call("delete", prefix, partial(self._backend.delete, some))
        self._call("delete", prefix, lambda: self._backend.remove_tree(prefix))
        # A bulk delete may leave keys behind without saying so.
        if keys and (left := self.list(prefix)):
            raise StoreError(
                f"{len(left)} keys below {prefix!r} in the store {self.url} could not be deleted, "
                f"{left[0]!r} among them. Look at the rights of the keys that are used."
            )
        return len(keys)

    def copy(self, source: str, target: str) -> None:
        """Copy a key to another one."""
        check_key(target)
        self._call("copy", source, lambda: self._backend.copy(source, target))

    def sweep(self, older_than_seconds: float = 3600.0) -> int:
        """Remove the temporary files that crashed writers left; return how many."""
        return self._call("sweep", "", lambda: self._backend.sweep(older_than_seconds))

    def together(self, function: Callable[[_S], _T], items: Iterable[_S]) -> builtins.list[_T]:
        """Return ``[function(item) for item in items]``, a few at once, for calls that wait."""
        with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="store") as pool:
            return [*pool.map(function, items)]

    def creates_exclusively(self) -> bool:
        """Tell whether of two creates of a key the second one fails; tried out once."""
        if self._exclusive is None:
            self._exclusive = self._try_exclusive()
        return self._exclusive

    def _try_exclusive(self) -> bool:
        key = f"check-{secrets.token_hex(8)}"
        try:
            # Nobody else creates this key: if it exists, the answer to a first try was lost.
            with contextlib.suppress(FileExistsError):
                self.create(key, b"1")
        except StoreError as error:
            if error.__cause__ is not None and is_unknown_create(error.__cause__):
                return False
            raise
        try:
            self.create(key, b"2")
        except FileExistsError:
            return True
        finally:
            self.delete(key)
        return False

    def check(self) -> None:
        """Prove that keys can be written, read, listed, created exclusively and deleted.

        Raises
        ------
        StoreError
            Says which of it cannot be done.
        """
        folder = f"check-{secrets.token_hex(8)}"
        key, data = f"{folder}/probe", secrets.token_bytes(64)
        self.write(key, data)
        try:
            found = self.read(key) == data and self.list(folder) == [key]
        finally:
            self.delete_all(folder)
        if not found:
            raise StoreError(
                f"The store {self.url} does not give back what was written a moment ago. It must "
                "be consistent: no cache or mirror in between."
            )
        self.require_exclusive()

    def require_exclusive(self) -> None:
        """StoreError unless creates are exclusive or ``store.single_writer`` is set."""
        if not self.address.single_writer and not self.creates_exclusively():
            raise StoreError(
                f"The store {self.url} cannot create a file exclusively, so two nights at once "
                "would not notice each other. Use another store, or promise that only one runs "
                "at a time: store.single_writer = true."
            )

    def _call(self, verb: str, key: str, function: Callable[[], _T]) -> _T:
        if key or verb not in _OF_FOLDERS:
            check_key(key)
        seconds = self.address.timeout_seconds
        try:
            # A moment more than file systems with a deadline of their own get.
            return within(seconds + 0.5, function)
        except FileExistsError:
            if verb == "create":
                raise
            raise StoreError(f"Cannot {verb} {key!r} in the store {self.url}: it exists.") from None
        except Exception as error:
            # Whatever a file system raises, here it becomes a sentence; the cause stays.
            raise describe(error, verb, key, self.url, seconds) from error
