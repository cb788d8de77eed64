import pytest

from jobs.__main__ import _main


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)

    def run(*argv):
        code = _main(["pretrain", "--store", str(tmp_path / "store"), *argv])
        return code, capfd.readouterr().err

    return run


def test_what_cannot_be_used_is_said(run, tmp_path):
    code, told = run()
    assert code == 2
    assert "--ratings" in told
    code, told = run("--ratings", "nowhere.zip")
    assert code == 2
    assert "nowhere.zip" in told
    (tmp_path / "empty").mkdir()
    code, told = run("--ratings", "empty")
    assert code == 1
    assert told.startswith("jfdask: There is no ratings.csv or ratings.dat in empty.")


def test_features_come_first(run, tmp_path):
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating\n")
    (tmp_path / "links.csv").write_text("movieId,imdbId,tmdbId\n")
    code, told = run("--ratings", ".")
    assert code == 1
    assert "jfdask fetch, jfdask featurize" in told
