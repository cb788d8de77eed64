"""Training of a FastText model, to be run in a process of its own.

    python -m jfdask.features.text_training IN OUT --dimensions 64 --seed 42

IN is a text file, one movie a line, and OUT is the model. FastText leaves most of its input
matrix uninitialised when it has fewer than ten threads: training then ends in NaN, or never
twice the same. Whoever starts the process adds ``CHILD_ENVIRONMENT`` to its environment: memory
then comes zeroed, and the same texts give the same model, bit for bit.
"""

from __future__ import annotations

import argparse
import ctypes
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import fasttext_pybind

from jfdask.errors import TextModelError
from jfdask.features.fasttext_file import text_dimensions

#: glibc's settings of the child process. Large pieces of memory come fresh from the kernel; and
#: those that do not, because enough is left over in the heap, are filled with 255 ^ 255 = 0.
CHILD_ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_PERTURB_": "255"}

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h

# A word is learned if it stands in the texts so often ...
_MIN_COUNTS = (5, 4, 3, 2)
# ... provided that so many words are left; else less often, down to once.
_ENOUGH_WORDS = 2000

# FastText's default of .05 is made for billions of words: over a library's texts it leaves all
# vectors nearly parallel. At .2, ten passes over 3,000 texts (3 s) part them better than
# twenty-five at .05 (10 s).
_LEARNING_RATE = 0.2
_WORDS_READ, _FEWEST_EPOCHS, _MOST_EPOCHS = 2_000_000, 5, 50


def train_text_model(
    texts_path: Path,
    model_path: Path,
    *,
    dimensions: int = 64,
    bucket: int = 50_000,
    epochs: int | None = None,
    seed: int = 0,
) -> None:
    """Train a model (cbow with subwords of 3 to 6 letters) and write it.

    Parameters
    ----------
    texts_path
        UTF-8 text, one movie a line, as ``movie_texts`` leaves them.
    model_path
        Where the .bin file is written.
    dimensions, bucket, seed
        FastText's own; the bucket counts rows shared by all subwords.
    epochs
        Passes over the texts; None: ``adapted_epochs``.

    Raises
    ------
    TextModelError
        The texts have no words or cannot be read, the model is not finite or cannot be
        written.
    """
    try:
        lines = texts_path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TextModelError(f"The texts for the text model cannot be read: {error}.") from error
    min_count = adapted_min_count(lines)
    arguments = fasttext_pybind.args()
    wanted = {
        "input": str(texts_path),
        "model": fasttext_pybind.model_name.cbow,
        "loss": fasttext_pybind.loss_name.ns,
        "dim": dimensions,
        "bucket": bucket,
        "epoch": adapted_epochs(lines) if epochs is None else epochs,
        "minCount": min_count,
        "seed": seed % 2**31,  # FastText's is signed
        "thread": 1,
        "verbose": 0,
        "lr": _LEARNING_RATE,
        "minn": 3,
        "maxn": 6,
        "saveOutput": False,
    }
    for name, value in wanted.items():
        setattr(arguments, name, value)
    model = fasttext_pybind.fasttext()
    try:
        fasttext_pybind.train(model, arguments)
        model.saveModel(str(model_path))
        text_dimensions(model_path.read_bytes())  # whole and finite: a full disk raises nothing
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        raise TextModelError(f"The text model cannot be trained: {error}") from error


def adapted_min_count(lines: Iterable[str]) -> int:
    """Return how often a word has to stand in the texts to be learned: 1 to 5.

    Raises
    ------
    TextModelError
        There is no word at all.

    Examples
    --------
    >>> adapted_min_count(["a film of a farm"])
    1
    """
    counts = Counter(Counter(word for line in lines for word in line.split()).values())
    if not counts:
        raise TextModelError(
            "There are no words to train a text model on: every title, overview and tagline "
            "is empty. Give a model in features.text_model, or let the server fetch metadata."
        )
    for min_count in _MIN_COUNTS:
        if sum(n for times, n in counts.items() if times >= min_count) >= _ENOUGH_WORDS:
            return min_count
    return 1


def adapted_epochs(lines: Iterable[str]) -> int:
    """Return how often the texts are read, about 2,000,000 words in all: 5 to 50 times.

    Examples
    --------
    >>> adapted_epochs(["a film of a farm"] * 20_000)
    20
    """
    n_words = sum(len(line.split()) for line in lines)
    return max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, _WORDS_READ // max(n_words, 1)))


def main(argv: Sequence[str] | None = None) -> int:
    """Train from the command line; return 0, or 1 after one line on stderr."""
    parser = argparse.ArgumentParser(prog="text_training", description="Train a FastText model.")
    parser.add_argument("texts_path", metavar="IN", type=Path, help="one movie a line")
    parser.add_argument("model_path", metavar="OUT", type=Path, help="the model, a .bin file")
    for name, default in (("dimensions", 64), ("bucket", 50_000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"(default {default})")
    parser.add_argument("--epochs", type=int, help="(default: 5 to 50, fewer for more words)")
    try:
        train_text_model(**vars(parser.parse_args(argv)))
    except TextModelError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


def _end_with_parent() -> None:
    """Have Linux end this process with the thread that started it.

    A worker that is killed cannot do that, and who trains holds the interpreter's lock: a
    signal would not be heard before the end.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    _end_with_parent()
    sys.exit(main())
