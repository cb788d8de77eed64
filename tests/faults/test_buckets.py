"""A store in a bucket that goes away in the middle of a write, or never answers one."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from .buckets import bucket_behind_a_proxy

pytestmark = [
    pytest.mark.faults,
    pytest.mark.cluster,
    pytest.mark.server,
    pytest.mark.timeout(900),
]


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "fake")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "fake")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with bucket_behind_a_proxy() as bucket:
        yield bucket


@pytest.fixture
def in_bucket(next_night, bucket):
    """Yesterday's store in that bucket."""
    bucket.fill_from(Path(next_night.store.url))
    return replace(next_night, store_settings=bucket.settings)


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("silent", r"no answer within 5 s\. Look whether the store is up"),
        # By whether its own tries end before the deadline.
        ("cut", r"it cannot be reached|no answer within 5 s\. Look whether the store is up"),
    ],
    ids=["the answer never comes", "gone in mid-write"],
)
@pytest.mark.parametrize("stage", ["fetch", "train"])
def test_the_service_fails_in_a_write(in_bucket, bucket, undisturbed, trouble, told, stage):
    house, before = in_bucket, in_bucket.latest()
    lists = house.result()["recommend"]
    bucket.break_at(trouble, lambda key: f"/{stage}/home/people/" in key)
    night = house.with_settings({"store.timeout_seconds": 5}).run()
    assert bucket.is_broken.is_set(), night.told
    assert night.code == 1, night.told
    assert re.search(told, night.told)
    assert "Traceback" not in night.told
    bucket.mend()
    assert house.latest() == before
    assert (house.result()["recommend"], house.damages()) == (lists, [])
    if house.store.exists("lock"):
        house.expire_lock()
    after = house.run()
    assert after.code == 0, after.told
    assert house.result() == undisturbed
    assert house.damages() == []
