"""What tests of several rooms share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from distributed import Client

from jfdask.cluster.connect import connect
from jfdask.settings import ClusterSettings


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """A client of a local cluster of two worker processes."""
    with connect(ClusterSettings(workers=2, dashboard_port=0)) as client:
        yield client


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no settings of whoever runs them."""
    import os

    for name in list(os.environ):
        if name.startswith("JFDASK_"):
            monkeypatch.delenv(name)
