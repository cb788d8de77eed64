import os
import subprocess
import sys
import time

import psutil
import pytest

from jfdask.errors import TextModelError
from jfdask.features.fasttext_file import load_text_model, text_dimensions
from jfdask.features.text_training import (
    adapted_epochs,
    adapted_min_count,
    main,
    train_text_model,
)

TEXTS = "\n".join(f"the {a} keeps the {b} at night" for a in "abcdef" for b in "stuvwxyz")


@pytest.mark.parametrize("bucket", [100, 12_000])
def test_the_same_texts_and_seed_give_the_same_bytes(tmp_path, train_in_child, bucket):
    texts = tmp_path / "texts.txt"
    texts.write_text(TEXTS)
    models = []
    # Any seed of the settings; FastText's own end at 2³¹.
    for name, seed in (("one", 7), ("two", 7), ("other", 2**32 - 1)):
        done = train_in_child(texts, tmp_path / name, "--seed", seed, "--bucket", bucket)
        assert (done.returncode, done.stderr) == (0, "")
        models.append((tmp_path / name).read_bytes())
    assert models[0] == models[1]
    assert models[0] != models[2]
    assert text_dimensions(models[0]) == 64


def test_a_household_of_five_movies(tmp_path, train_in_child):
    (tmp_path / "texts.txt").write_text("farm\nship\nnight\nsea\nfarm at sea\n")
    done = train_in_child(
        tmp_path / "texts.txt", tmp_path / "model.bin", "--dimensions", 4, "--bucket", 100
    )
    assert done.returncode == 0, done.stderr
    model = load_text_model((tmp_path / "model.bin").read_bytes())
    assert model.sentence_vectors([["farm"], ["zebra"]]).any(axis=1).all()


@pytest.mark.parametrize("texts", ["", "\n\n  \n"])
def test_no_words_end_in_one_line(tmp_path, train_in_child, texts):
    (tmp_path / "texts.txt").write_text(texts)
    done = train_in_child(tmp_path / "texts.txt", tmp_path / "model.bin")
    assert done.returncode == 1
    assert done.stderr.startswith("There are no words to train a text model on")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "model.bin").exists()


def test_texts_that_cannot_be_read(tmp_path, capsys):
    assert main([str(tmp_path / "missing.txt"), str(tmp_path / "model.bin")]) == 1
    assert "cannot be read" in capsys.readouterr().err
    (tmp_path / "texts.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(TextModelError, match="cannot be read"):
        train_text_model(tmp_path / "texts.txt", tmp_path / "model.bin")


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "texts.txt").write_text("farm at sea")
    with pytest.raises(TextModelError, match="cannot be trained"):
        train_text_model(
            tmp_path / "texts.txt",
            tmp_path / "missing" / "model.bin",
            dimensions=4,
            bucket=10_000,
            epochs=1,
        )


def test_rare_words_are_learned_in_a_small_library_only():
    assert adapted_min_count(["farm at sea"]) == 1
    words = [f"w{i}" for i in range(2000)]
    assert adapted_min_count([" ".join(words)] * 2) == 2
    assert adapted_min_count([" ".join(words)] * 50) == 5


def test_epochs_shrink_as_the_texts_grow():
    assert [adapted_epochs(["a b"] * n) for n in (1, 50_000, 1_000_000)] == [50, 20, 5]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux does it")
def test_it_ends_with_who_started_it(tmp_path):
    os.mkfifo(tmp_path / "texts.txt")
    words = ["-m", "jfdask.features.text_training", "texts.txt", "out"]
    start = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, *{words!r}])\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start], stdout=subprocess.PIPE, cwd=tmp_path, text=True
    ) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        with (tmp_path / "texts.txt").open("w"):  # it reads, and there is no end of it
            parent.kill()
            child_has_ended(child)


def child_has_ended(child):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if child.status() == psutil.STATUS_ZOMBIE:
                return  # nobody asks for its exit code
        except psutil.NoSuchProcess:
            return
        time.sleep(0.05)
    child.kill()
    raise AssertionError("It trains on, for nobody.")
