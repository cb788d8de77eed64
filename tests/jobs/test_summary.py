"""What is said of a night when it has ended."""

from jfdask.stages.night import Summary
from jfdask.stages.unit_tasks import UnitReport
from jobs.summary import print_summary


def test_where_all_have_failed_the_reason_comes_next(capsys):
    summary = Summary("a-run", "a-store", seconds={"fetch": 3.0, "featurize": 0.0})
    failed = UnitReport("home", "failed", problems=("Nobody listens at http://server.",))
    summary.reports = {"fetch": {"home": failed}, "featurize": {"home": failed}}
    print_summary(summary)
    fetch, total, problem, artifacts = capsys.readouterr().err.splitlines()
    assert fetch.split() == ["fetch", "3.0", "s", "1", "household,", "1", "failed"]
    assert total.split() == ["total", "3.0", "s"]
    assert problem == "problem: home: Nobody listens at http://server."
    assert artifacts.startswith("artifacts: a-store/runs/a-run")


def test_where_some_are_left_every_stage_is_told(capsys):
    summary = Summary("a-run", "a-store", seconds={"fetch": 3.0, "featurize": 1.0})
    failed, done = UnitReport("away", "failed", problems=("Away.",)), UnitReport("home", "done")
    reports = {"away": failed, "home": done}
    summary.reports = {"fetch": reports, "featurize": reports}
    print_summary(summary)
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == [
        "fetch", "featurize", "total", "problem:", "artifacts:",
    ]  # fmt: skip
