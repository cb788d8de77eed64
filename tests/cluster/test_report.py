"""Dask's performance report on what a night's workers did."""

import time

import pytest

from jfdask.cluster.connect import connect
from jfdask.cluster.report import reported
from jfdask.settings import ClusterSettings

pytestmark = pytest.mark.cluster


def work_hard(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(1000))
    return seconds


def tab(page, title):
    return page.partition(f'"title":"{title}"')[2].partition('"TabPanel"')[0]


@pytest.fixture
def said():
    return []


def test_a_report_has_the_task_stream_and_the_workers_profile(tmp_path, said):
    path = tmp_path / "night.html"
    with (
        connect(ClusterSettings(workers=1, dashboard_port=0), is_profiled=True) as own,
        reported(own, path, said.append),
    ):
        own.submit(work_hard, 2.5).result()  # the profile is kept second by second
    page = path.read_text(encoding="utf-8")
    assert "Dask Performance Report" in page
    assert '"work_hard"' in tab(page, "Task Stream")  # a task's name
    assert "_task_spec.py" in tab(page, "Worker Profile (compute)")  # where each task is called
    assert "cdn.bokeh.org" not in page
    assert said == [f"Performance report: {path}"]


def test_without_a_path_nothing_is_written(client, tmp_path, monkeypatch, said):
    monkeypatch.chdir(tmp_path)
    with reported(client, None, said.append):
        client.submit(work_hard, 0.0, pure=False).result()
    assert list(tmp_path.iterdir()) == []
    assert said == []


def test_a_night_that_fails_has_a_report_and_its_own_error(client, tmp_path, said):
    path = tmp_path / "night.html"
    with pytest.raises(ZeroDivisionError), reported(client, path, said.append):
        raise ZeroDivisionError
    assert "Task Stream" in path.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_costs_nothing_else(client, tmp_path, said):
    folder = tmp_path / "gone"
    with reported(client, folder / "night.html", said.append):
        folder.touch()  # what should be a folder is none
    [line] = said
    assert line.startswith("No performance report: ")
