import tempfile

import pytest

from jfdask.errors import TextModelError
from jfdask.stages.featurize.text_model import TextModelRequest, read_model_file, train


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
