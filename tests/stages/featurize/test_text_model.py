import tempfile

import numpy as np
import pytest

from jfdask.errors import TextModelError
from jfdask.stages.featurize import text_model
from jfdask.stages.featurize.text_model import TextModelRequest, read_model_file, train
from jfdask.stages.places import Place
from jfdask.store.state import recall_state
from jfdask.store.units import UnitReader


def test_a_temporary_folder_that_cannot_be_used_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(TextModelError, match="name another folder in TMPDIR"):
        train(["up"], TextModelRequest(None, 8, 42, 20))


def test_a_given_file_that_cannot_be_read_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("~/model.bin", "~nosuchuser/model.bin"):
        with pytest.raises(TextModelError, match=f"{path} cannot be read on the worker"):
            read_model_file(path)
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(TextModelError, match="cut short"):
        read_model_file("~/model.bin")


@pytest.mark.cluster
@pytest.mark.server
def test_it_is_trained_again_when_a_tenth_of_the_texts_are_others(night_after, monkeypatch):
    """As after a first scan, when overviews come for movies that had a title alone."""
    [run_id] = night_after.store.children("runs")
    place = Place(night_after.store.address, run_id, "home")
    known = recall_state(place.store, "home", text_model.DOCUMENT, version=text_model.VERSION)
    request = TextModelRequest(**known["wanted"], timeout_seconds=20)
    whole, trained = UnitReader.table, []

    def is_trained_with(n_others):
        def table(unit, *args):
            movies = whole(unit, *args)
            is_other = np.arange(len(movies)) < n_others
            return movies.assign(overview=movies["overview"].mask(is_other, "other"))

        n_before = len(trained)
        monkeypatch.setattr(UnitReader, "table", table)
        text_model.ensure_text_model(place, request)
        return len(trained) > n_before

    monkeypatch.setattr(text_model, "train", lambda *_: trained.append(1) or b"a model")
    a_tenth = len(known["texts"]) // 10
    assert not is_trained_with(0)
    assert not is_trained_with(a_tenth)
    assert is_trained_with(a_tenth + 1)
    assert not is_trained_with(a_tenth + 1)
