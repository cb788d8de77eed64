"""Commands as they are typed: what they print and how they exit."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from datetime import timedelta
from pathlib import Path

import click
import pytest

from jfdask.store.lock import hold_lock
from jfdask.store.runs import started_at
from jobs.__main__ import COMMANDS, _main, jfdask

pytestmark = [pytest.mark.cluster, pytest.mark.server]


@pytest.fixture
def config(night_after, tmp_path):
    """A settings file for a copy of the finished night."""
    [home] = night_after.settings.households
    path = tmp_path / "jfdask.toml"
    path.write_text(
        f'[store]\nurl = "{night_after.settings.store.url}"\n'
        f'[[households]]\nname = "home"\nurl = "{home.url}"\n'
        f'api_key_file = "{home.api_key_file}"\n'
        f'[cluster]\naddress = "{night_after.settings.cluster.address}"\n'
        "[fetch]\npage_size = 100\npeople_per_call = 50\nstartup_seconds = 1\n"
        "[features]\nmovies_per_partition = 100\n",
        encoding="utf-8",
    )
    tomllib.loads(path.read_text())
    return path


@pytest.fixture
def run(config, capfd):
    """Run a command with that file; return exit code, stdout, stderr."""

    def run(*argv, with_config=True):
        code = _main([*argv, *(["--config", str(config)] if with_config else [])])
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.mark.parametrize("name", COMMANDS)
def test_help_tells_what_and_an_example(name, run):
    code, out, _ = run(name, "--help", with_config=False)
    assert code == 0
    assert f"jfdask {name}" in out
    assert "Example: " in out


def test_the_group_names_exit_codes_and_commands(run):
    code, out, _ = run("--help", with_config=False)
    assert code == 0
    assert "75 another night" in out
    assert all(name in out for name in ("run", "fetch", "featurize", "train", "recommend", "show"))


def test_run_says_what_was_done(run):
    code, out, err = run("run")
    assert code == 0
    assert out == ""
    assert "dashboard: http://127.0.0.1:" in err
    assert "as before" in err
    assert "artifacts: " in err


def test_a_performance_report_is_written(run, tmp_path):
    path = tmp_path / "night.html"
    code, _, err = run("run", "--performance-report", str(path))
    assert code == 0
    assert f"Performance report: {path}" in err
    page = path.read_text(encoding="utf-8")
    assert "Task Stream" in page
    assert '"open_server"' in page  # a task of this night


def test_a_performance_report_that_cannot_be_written_is_refused_before_the_night(run, tmp_path):
    for path in (tmp_path / "missing" / "night.html", tmp_path):
        code, _, err = run("run", "--performance-report", str(path))
        assert code == 2
        assert "--performance-report" in err
        assert "Run " not in err


@pytest.mark.parametrize("stage", ["fetch", "featurize", "train", "recommend"])
def test_a_stage_alone(run, stage):
    code, _, err = run(stage)
    assert code == 0
    assert stage in err


def test_show_as_text_and_as_json(run):
    code, out, _ = run("show", "LEA", "-n", "3")
    assert code == 0
    assert "lea" in out
    assert "because" in out
    assert "community rating" in out
    code, out, _ = run("show", "lea", "--json", "-n", "3")
    document = json.loads(out)
    assert [row["rank"] for row in document["recommendations"]] == [1, 2, 3]
    assert document["name"] == "lea"


def test_show_somebody_who_is_not_there(run):
    code, _, err = run("show", "nobody")
    assert code == 2
    assert "there are lists of: ingrid, lea, marco, newcomer, tom" in err


def test_what_the_system_refuses_is_a_sentence(run, monkeypatch):
    def refused(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("jobs.show.print_list", refused)
    code, _, err = run("show", "lea")
    assert code == 1
    assert "jfdask: [Errno 28] No space left on device" in err


def test_show_before_the_first_night(run, tmp_path):
    code, _, err = run("show", "lea", "--store", str(tmp_path / "empty"), with_config=False)
    assert code == 1
    assert "No night has ended" in err


def test_runs(run):
    code, out, _ = run("runs")
    assert code == 0
    assert out.startswith("* ")
    assert "done" in out
    code, out, _ = run("runs", "--json")
    assert json.loads(out)[0]["is_latest"]


def test_check_when_all_is_well(run):
    code, out, _ = run("check")
    assert code == 0
    assert "BAD" not in out
    assert "Jellyfin 12.0" in out
    assert "ingrid sees" in out
    assert re.search(r"^good  last night: run \S+, done$", out, re.MULTILINE)
    assert len(out.splitlines()) == 7


def test_check_and_show_tell_of_nights_that_do_not_end(run, monkeypatch):
    a_week = timedelta(days=7)
    for module in ("jfdask.stages.check", "jobs.show"):
        monkeypatch.setattr(f"{module}.started_at", lambda run_id: started_at(run_id) - a_week)
    code, out, _ = run("check")
    assert code == 1
    assert "BAD   last night: run" in out
    assert "7 days ago" in out
    code, _, err = run("show", "lea")
    assert code == 0
    assert "The last night that ended was 7 days ago" in err


def test_check_names_a_key_that_anybody_can_read(run, config):
    key = Path(tomllib.loads(config.read_text())["households"][0]["api_key_file"])
    key.chmod(0o644)
    try:
        code, out, _ = run("check")
    finally:
        key.chmod(0o600)
    assert code == 1
    assert "BAD   household home: key: anybody on this machine can read" in out


def test_an_empty_store_is_no_other_one(run):
    for argv in (["forget", "lea", "--yes"], ["show", "lea"], ["runs"]):
        code, _, err = run(*argv, "--store", "")
        assert code == 2
        assert "store.url is empty" in err


def test_an_address_with_a_password_is_not_repeated(run):
    code, out, err = run("check", "--store", "s3://key:hush@bucket/x")
    assert code == 2
    assert "expected a plain address" in out
    assert "hush" not in out + err


def test_a_list_of_somebody_left_out_since_is_told_to_be_older(run, config):
    assert "older" not in run("show", "marco")[2]
    config.write_text(
        config.read_text().replace("api_key_file", 'exclude_users = ["marco"]\napi_key_file')
    )
    assert run("run")[0] == 0
    code, out, err = run("show", "marco")
    assert code == 0
    assert "The last night has no list of marco: this is an older one." in err
    assert not json.loads(run("show", "marco", "--json")[1])["is_latest"]
    assert json.loads(run("show", "lea", "--json")[1])["is_latest"]
    code, out, _ = run("forget", "marco", "--yes")
    assert code == 0
    assert "exclude_users" not in out


def test_a_wrong_name_leaves_no_run_behind(run):
    before = json.loads(run("runs", "--json")[1])
    code, _, err = run("run", "--user", "nobody")
    assert code == 2
    assert "Nobody is called nobody" in err
    assert json.loads(run("runs", "--json")[1]) == before


def test_check_looks_at_every_file_of_the_last_night(run, config):
    code, out, _ = run("check", "--artifacts")
    assert code == 0
    assert "good  artifacts: all files of run" in out
    folder = Path(tomllib.loads(config.read_text())["store"]["url"])
    latest = json.loads((folder / "latest").read_text())["run_id"]
    broken = next((folder / "runs" / latest).rglob("metrics.json"))
    broken.write_text("{}")
    code, out, _ = run("check", "--artifacts")
    assert code == 1
    [told] = [line for line in out.splitlines() if line.startswith("BAD")]
    assert "artifacts: 1 file of run" in told
    assert str(broken.relative_to(folder)) in told
    assert run("check")[0] == 0
    assert run("run")[0] == 0
    assert run("check", "--artifacts")[0] == 0
    assert run("check", "--artifacts", "--offline")[0] == 2


def test_check_names_a_wrong_key_and_goes_on(run, config, tmp_path):
    key = tmp_path / "wrong-key"
    key.write_text("0" * 32)
    text = config.read_text()
    line = next(line for line in text.splitlines() if line.startswith("api_key_file"))
    config.write_text(text.replace(line, f'api_key_file = "{key}"'))
    code, out, _ = run("check")
    assert code == 1
    assert "BAD   household home: server" in out
    assert "good  store" in out
    assert "0" * 32 not in out


def test_check_tells_all_mistakes_of_a_bad_file_at_once(run, config):
    config.write_text("[store]\nkep = 1\nkeep = 0\n[train]\nfolds = 1\n")
    code, _, err = run("check")
    assert code == 2
    assert all(key in err for key in ("store.kep", "store.keep", "train.folds"))


@pytest.mark.parametrize("argv", [["nothing"], ["run", "--no-such"], ["show"], ["show", "x", "-n"]])
def test_wrong_usage(run, argv):
    assert run(*argv, with_config=False)[0] == 2


def test_a_night_under_way(run, night_after):
    with hold_lock(night_after.store, "another night", 60):
        code, _, err = run("run")
    assert code == 75
    assert "another night" in err


def test_one_person_alone(run):
    _, before, _ = run("show", "marco", "--json")
    code, _, _ = run("run", "--user", "lea")
    assert code == 0
    code, after, _ = run("show", "marco", "--json")
    assert code == 0
    was, is_ = json.loads(before), json.loads(after)
    assert is_["run_id"] != was["run_id"]
    assert is_["recommendations"] == was["recommendations"]


def test_one_person_who_is_not_there(run):
    code, _, err = run("run", "--user", "nobody")
    assert code == 2
    assert "Nobody is called nobody; there are in home: ingrid" in err


def test_one_household_alone_leaves_the_others_what_they_have(run, config):
    text = config.read_text()
    home = text[text.index("[[households]]") : text.index("[cluster]")]
    config.write_text(text + home.replace('"home"', '"other"') + 'users = ["tom"]\n')
    assert run("run")[0] == 0
    code, _, err = run("run", "--household", "other")
    assert code == 0, err
    for household in ("home", "other"):
        assert run("show", "tom", "--household", household)[0] == 0
    # Somebody of one household alone: nothing is wrong with the other one.
    _, before, _ = run("show", "tom", "--household", "other", "--json")
    code, _, err = run("run", "--user", "lea")
    assert code == 0, err
    _, after, _ = run("show", "tom", "--household", "other", "--json")
    was, is_ = json.loads(before), json.loads(after)
    assert is_["run_id"] != was["run_id"]
    assert is_["recommendations"] == was["recommendations"]
    assert run("train")[0] == 0
    code, _, err = run("run", "--household", "none")
    assert code == 2
    assert "there are: home, other" in err


def test_forget_erases_a_person(run, night_after):
    store = night_after.store
    _, out, _ = run("show", "lea", "--json")
    user_id = json.loads(out)["user_id"]
    assert [k for k in store.list() if user_id in k]
    code, out, _ = run("forget", "lea", "--yes")
    assert code == 0
    assert "Erased" in out
    traces = [k for k in store.list() if user_id in k or user_id.encode() in store.read(k)]
    assert traces == []
    assert run("show", "lea")[0] == 2
    assert run("show", "marco")[0] == 0
    code, _, err = run("forget", "lea", "--yes")
    assert code == 2
    assert "Nothing is stored" in err
    assert run("run")[0] == 0


def test_forget_asks_first(run, monkeypatch):
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115, PTH123
    assert run("forget", "lea")[0] != 0
    assert run("show", "lea")[0] == 0


def test_done_in_part_is_told(run, config):
    text = config.read_text()
    config.write_text(text + '[[households]]\nname = "away"\nurl = "http://127.0.0.1:9"\n')
    code, _, err = run("run")
    assert code == 3
    assert "problem: away: " in err
    # For who tries again where nothing was to be had, that is told apart.
    config.write_text(re.sub(r'^url = "http.*"$', 'url = "http://127.0.0.1:9"', text, flags=re.M))
    assert run("run")[0] == 3
    assert run("run", "--code-if-kept", "4")[0] == 4


def test_a_cluster_of_its_own_says_nothing_but_what_matters(config, tmp_path):
    text = config.read_text().splitlines()
    text = [line for line in text if not line.startswith(("address", "[cluster]"))]
    config.write_text("\n".join([*text, "[cluster]", "workers = 1", "dashboard_port = 0"]))
    done = subprocess.run(
        [sys.executable, "-m", "jobs", "run", "--config", str(config)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    assert "distributed." not in done.stderr
    assert len(done.stderr.splitlines()) < 20


def test_a_folder_without_settings_is_told(run, monkeypatch, tmp_path, config):
    monkeypatch.chdir(tmp_path / "store")
    assert "No jfdask.toml in" in run("runs", with_config=False)[2]
    assert "No jfdask.toml in" not in run("runs")[2]
    monkeypatch.chdir(tmp_path)
    assert "No jfdask.toml in" not in run("runs", with_config=False)[2]


def test_python_m_jobs():
    done = subprocess.run(
        [sys.executable, "-m", "jobs", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("jfdask, version 0.")


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_forget_that_is_not_confirmed_says_that_nothing_was_erased(run, monkeypatch, answer):
    monkeypatch.setattr("click.termui.visible_prompt_func", _answering(answer))
    code, _, err = run("forget", "lea")
    assert code == 1
    assert "Nothing erased." in err
    assert "goes on" not in err
    assert run("show", "lea")[0] == 0


def _answering(answer):
    def prompt(_text=""):
        if not answer:
            raise EOFError
        return answer.strip()

    return prompt


def test_the_help_names_the_exit_codes_of_signals(run):
    _, out, _ = run("--help", with_config=False)
    assert "130 and 143 stopped by Ctrl-C or SIGTERM" in " ".join(out.split())


@pytest.fixture
def _own_signals():
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("_own_signals")
@pytest.mark.parametrize(("first", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_stopping_is_not_interrupted_by_another_signal(run, monkeypatch, first, second, code):
    released = []

    @click.command()
    def stopped():
        try:
            os.kill(os.getpid(), first)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), second)
            time.sleep(0.05)
            released.append("the lock")

    monkeypatch.setitem(jfdask.commands, "stopped", stopped)
    keeps = first == signal.SIGINT
    monkeypatch.setattr("jobs.__main__.KEEPING", frozenset({"stopped"} if keeps else ()))
    found, _, err = run("stopped", with_config=False)
    assert (found, released) == (code, ["the lock"])
    assert "jfdask: stopped." in err
    assert ("the same command goes on from there" in err) == keeps


@pytest.mark.usefixtures("_own_signals")
def test_ctrl_c_that_a_shell_has_turned_off_stays_off(run, monkeypatch):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run("--help", with_config=False)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
