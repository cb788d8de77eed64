"""A bounded memory of pure results: the same question is answered once a process.

Questions are told apart by content (a digest of every input), so that an answer never depends
on who asked before: nothing of one fold can reach another through it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock

import numpy as np

from jfdask.model.inputs import Floats

MOST_OWNERS = 2


class Memo:
    """Arrays by key, forgotten from the least recently used on.

    Parameters
    ----------
    max_bytes
        How much is kept; an array that is larger is not.

    Notes
    -----
    The last two owners are remembered, as many as `catalogue_of` keeps: what is derived of a
    household's features is not to keep them alive when others have been computed since.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._kept: OrderedDict[tuple[int, bytes], tuple[object, Floats]] = OrderedDict()
        self._owners: OrderedDict[int, None] = OrderedDict()
        self._n_bytes = 0
        self._lock = Lock()

    def recall(self, owner: object, key: bytes, compute: Callable[[], Floats]) -> Floats:
        """Return the array of this key, computing it if it is not kept; read-only.

        Parameters
        ----------
        owner
            The object that the key's positions refer to, told apart by identity. It is kept with
            the array, so that its id is nobody else's meanwhile.
        """
        asked = id(owner), key
        with self._lock:
            found = self._kept.get(asked)
            if found is not None:
                self._kept.move_to_end(asked)
                return found[1]
        array = compute()
        array.flags.writeable = False
        if array.nbytes > self.max_bytes:
            return array
        with self._lock:
            replaced = self._kept.pop(asked, None)
            self._n_bytes += array.nbytes - (replaced[1].nbytes if replaced else 0)
            self._kept[asked] = (owner, array)
            self._remember(id(owner))
            while self._n_bytes > self.max_bytes:
                self._n_bytes -= self._kept.popitem(last=False)[1][1].nbytes
        return array

    def _remember(self, owner: int) -> None:
        self._owners[owner] = None
        self._owners.move_to_end(owner)
        if len(self._owners) > MOST_OWNERS:
            gone, _ = self._owners.popitem(last=False)
            for key in [key for key in self._kept if key[0] == gone]:
                self._n_bytes -= self._kept.pop(key)[1].nbytes


def digest(*parts: object) -> bytes:
    """Return a digest of arrays and plain values, types and shapes included."""
    total = blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            total.update(f"{part.dtype.str}{part.shape}".encode())
            total.update(np.ascontiguousarray(part).tobytes())
        else:
            total.update(f"{type(part).__name__}:{part!r}".encode())
        total.update(b"\0")
    return total.digest()
