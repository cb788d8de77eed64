"""What a fork server imports last: from here on it is as ever, and so are its workers.

What was loaded is for ever. Workers need not look through it for garbage, which would also
make each a copy of its own of the memory that they share.
"""

from __future__ import annotations

import gc
import sys

if sys.modules.get("sparse", sys) is None:
    del sys.modules["sparse"]
gc.freeze()
gc.enable()
