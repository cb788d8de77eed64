"""`jobs` with a cluster that a test, too, can speak to: its certificates are of the night alone."""

import runpy

from distributed import Security

if __name__ == "__main__":
    Security.temporary = staticmethod(lambda **_: None)
    runpy.run_module("jobs", run_name="__main__", alter_sys=True)
