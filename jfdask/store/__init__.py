"""The storage edge: one object store of keys and bytes, and all that is laid out in it."""
