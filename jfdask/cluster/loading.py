"""What a fork server imports first: from here until `loaded`, it loads with less ado.

Of what modules bring hardly anything is garbage; looking for it again and again while some
3,000 of them are loaded is a seventh of the work. And `dask.array` takes the package `sparse`
for a kind of block if it is there (dask-ml brings it), and with it numba: another seventh, for
blocks that jfdask does not have. Its own are scipy's.
"""

from __future__ import annotations

import gc
import sys

gc.disable()
sys.modules.setdefault("sparse", None)  # type: ignore[arg-type]  # an import of it fails
