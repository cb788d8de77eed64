"""What a night's workers did, and when, as a page: Dask's own performance report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from distributed import Client, performance_report

logger = logging.getLogger(__name__)


@contextmanager
def reported(client: Client, path: Path | None, say: Callable[[str], None]) -> Iterator[None]:
    """Write a report on what the cluster does in the block, also if an exception ends it.

    Parameters
    ----------
    client
        The cluster.
    path
        Where to: one HTML file that needs nothing from the network. None: no report.
    say
        Is told where the report is, or why there is none: a night that was done is not lost
        with it.
    """
    if path is None:
        yield
        return
    # "inline": the page would have its scripts from somebody else's server otherwise. An
    # absolute path is no address of fsspec.
    report = performance_report(filename=str(path.absolute()), mode="inline")
    with client.as_current():
        report.__enter__()
    try:
        yield
    finally:
        try:
            with client.as_current():
                report.__exit__(None, None, None)
        except Exception as error:  # the page is made by a scheduler that may be somebody else's
            logger.debug("no performance report", exc_info=True)
            say(f"No performance report: {error or type(error).__name__}.")
        else:
            say(f"Performance report: {path}")
