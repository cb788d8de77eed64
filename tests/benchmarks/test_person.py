"""The benchmark of one person, on a small library."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import person


def test_each_part_is_timed(tmp_path):
    out = tmp_path / "person.json"
    command = ["--movies", "300", "--plays", "60", "--repeats", "1", "--out", str(out)]
    assert person.main(command) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert (result["movies"], result["plays"]) == (300, 60)
    own = ["favorite_fit", "played_fit", "score"]
    others = ["sklearn", "learn", "pooled_fit", "pooled_rows", "pooled_score"]
    seconds = result["seconds"]
    assert list(seconds) == own + others
    assert min(seconds.values()) > 0
    # Six fits more, each of one forest instead of two.
    assert seconds["learn"] > seconds["favorite_fit"]
    assert abs(result["person_seconds"] - sum(seconds[name] for name in own)) < 0.01


def test_forests_of_scikit_learn_are_as_many_as_ours(tmp_path, monkeypatch):
    """The baseline does the same work: its forests are those that our models have."""
    fitted = []
    fit = person.RandomForestClassifier.fit

    def counted(forest, X, y, sample_weight=None):
        fitted.append((forest.n_estimators, X.shape[1]))
        return fit(forest, X, y, sample_weight)

    monkeypatch.setattr(person.RandomForestClassifier, "fit", counted)
    owned = []
    make = person._sklearn

    def watched(catalogue, history, favorite, played):
        trees = [*favorite.trees_, played.trees_]
        owned.extend((len(t), t.n_features_) for t in trees)
        fitted.clear()
        return make(catalogue, history, favorite, played)

    monkeypatch.setattr(person, "_sklearn", watched)
    person.measure(200, 40, 1)
    assert fitted == owned
