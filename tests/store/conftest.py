"""The same tests on a folder and on an S3 service over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from jfdask.settings import StoreSettings
from jfdask.store.filesystem import Store, StoreAddress, address_of, open_store
from jfdask.store.keys import person
from jfdask.store.lock import hold_lock
from jfdask.store.manifests import Manifest, close_stage
from jfdask.store.runs import seal_run
from jfdask.store.units import UnitWriter

BUCKET = "films"


@pytest.fixture(scope="session")
def s3_bucket() -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    service = boto3.resource(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="fake",
        aws_secret_access_key="fake",
    )
    yield service.create_bucket(Bucket=BUCKET)
    server.stop()


@pytest.fixture
def aws_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "fake")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "fake")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def s3_address(s3_bucket: Any, aws_keys: None) -> StoreAddress:
    # One address, so that its connection is made once; each test begins with nothing in it.
    s3_bucket.objects.all().delete()
    return address_of(
        StoreSettings(
            url=f"s3://{BUCKET}/some/prefix",
            endpoint_url=s3_bucket.meta.client.meta.endpoint_url,
            region="us-east-1",
            timeout_seconds=20,
        )
    )


@pytest.fixture
def folder_address(tmp_path: Path) -> StoreAddress:
    return address_of(StoreSettings(url=str(tmp_path / "store"), timeout_seconds=20))


@pytest.fixture(params=["folder", "s3"])
def address(request: pytest.FixtureRequest) -> StoreAddress:
    found: StoreAddress = request.getfixturevalue(f"{request.param}_address")
    return found


@pytest.fixture
def store(address: StoreAddress) -> Store:
    return open_store(address)


@pytest.fixture
def folder(folder_address: StoreAddress) -> Store:
    return open_store(folder_address)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 8, 1, 3, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Callable[[], datetime]:
    return Clock()


NOW = datetime(2026, 8, 1, 3, tzinfo=UTC)


@pytest.fixture
def write_unit() -> Callable[..., Manifest]:
    """Write a small unit with a file of the household and one of each person."""

    def write(
        store: Store,
        run_id: str,
        stage: str = "train",
        household: str = "home",
        people: tuple[str, ...] = (),
        inputs: dict[str, str] | None = None,
        **more: Any,
    ) -> Manifest:
        unit = UnitWriter(store, run_id, stage, household)
        unit.json("metrics.json", {"auc": 0.75})
        receipts = [
            UnitWriter(store, run_id, stage, household).json(
                person(user_id, "list.json"), {"of": user_id}
            )
            for user_id in people
        ]
        more.setdefault("summary", {"people": {user_id: {"n": 1} for user_id in people}})
        return unit.close(
            receipts=receipts,
            inputs=inputs or {"fetch/movies.parquet": "0" * 64},
            settings={"folds": 5},
            code_version="1",
            started=NOW,
            finished=NOW,
            **more,
        )

    return write


@pytest.fixture
def write_run(write_unit: Callable[..., Manifest]) -> Callable[..., None]:
    """Write a run of one stage; seal it unless told otherwise."""

    def write(
        store: Store,
        run_id: str,
        *,
        seal: bool = True,
        households: Mapping[str, str] | None = None,
        **unit: Any,
    ) -> None:
        made = write_unit(store, run_id, **unit)
        stage_sum = close_stage(store, made.stage, [made], run_id, NOW)
        if seal:
            with hold_lock(store, "test", 60) as lock:
                summary = {} if households is None else {"households": households}
                seal_run(store, run_id, {made.stage: stage_sum}, lock, NOW, summary=summary)

    return write
