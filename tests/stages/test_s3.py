"""The whole night with its artifacts in an S3 service, over HTTP."""

import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from jfdask.stages.lists import lists_of_run
from jfdask.store.runs import latest_run
from jfdask.store.verify import verify_run

from ..remote import open_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.server]


@pytest.fixture
def s3(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "films")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-told")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    finally:
        server.stop()


def test_two_nights(finished, s3):
    import s3fs

    s3fs.S3FileSystem(endpoint_url=s3).mkdir("nights")  # moto has one set of buckets a process
    folder = {run: list(lists_of_run(finished.store, run)) for run in [latest_run(finished.store)]}
    [by_folder] = folder.values()
    # Workers of their own: they find the keys in their environment, as this process does.
    with open_cluster(2) as client:
        changes = {
            "store": {"url": "s3://nights/jfdask", "endpoint_url": s3, "region": "us-east-1"},
            "cluster": {"address": client.scheduler.address},
        }
        first = finished.run(**changes)
        assert first.exit_code == 0, first.problems
        second = finished.run(**changes)
        assert second.reports["train"]["home"].reused
    store = type(finished)(
        finished.settings.model_copy(
            update={"store": finished.settings.store.model_copy(update=changes["store"])}
        )
    ).store
    assert latest_run(store) == second.run_id
    assert verify_run(store, second.run_id) == []
    by_s3 = list(lists_of_run(store, second.run_id))
    assert [one.document for one in by_s3] == [one.document for one in by_folder]
    told = b"".join(store.read(key) for key in store.list())
    assert b"not-to-be-told" not in told
