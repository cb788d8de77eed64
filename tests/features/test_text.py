import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jfdask.errors import TextModelError
from jfdask.features.fasttext_file import load_text_model
from jfdask.features.text import TextVectors, movie_texts, words_of


@given(st.lists(st.one_of(st.none(), st.text())))
def test_words_are_letters_and_digits_and_stay_as_they_are(texts):
    words = words_of(*texts)
    assert words_of(" ".join(words)) == words
    assert all(word.split() == [word] for word in words)
    assert not any(mark in word for mark in "_</>\0" for word in words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("एक लड़की की प्रेम_कहानी।", ["एक", "लड़की", "की", "प्रेम", "कहानी"]),
        ("পথের পাঁচালী", ["পথের", "পাঁচালী"]),
        ("องค์บาก", ["องค์บาก"]),
        ("Ame\u0301lie à Zu\u0308rich", ["amélie", "à", "zürich"]),
        ("İstanbul", ["i\u0307stanbul"]),
        ("\u0301 ❤\ufe0f __x\u0331_y", ["x\u0331", "y"]),
        ("葛\U000e0100城", ["葛\U000e0100城"]),
    ],
)
def test_words_go_on_over_the_marks_of_their_letters(text, words):
    composed = [unicodedata.normalize("NFC", word) for word in words]
    assert words_of(text) == composed
    assert words_of(unicodedata.normalize("NFD", text)) == composed


def test_texts_are_title_overview_and_taglines(movies_of):
    movies = movies_of({"name": "Up!", "overview": "A house\nflies.", "taglines": ["Away", "Now"]})
    assert movie_texts(movies) == ["up a house flies away now"]


def test_a_movie_is_the_mean_of_its_words_unit_vectors(movies_of, text_model_bytes):
    model = load_text_model(text_model_bytes)
    movies = movies_of({"name": "Farm"}, {"overview": "sea"}, {"name": "Farm", "overview": "sea"})
    X = TextVectors(8).fit(movies).transform(movies, model).toarray()
    np.testing.assert_allclose(np.linalg.norm(X[:2], axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(X[2], X[:2].mean(axis=0), rtol=1e-5)


def test_no_words_and_no_movies(movies_of, text_model_bytes):
    model, block = load_text_model(text_model_bytes), TextVectors(8)
    assert not block.transform(movies_of({"name": "..."}, {}), model).toarray().any()
    assert block.transform(movies_of(), model).shape == (0, 8)
    assert block.get_feature_names_out().tolist() == [f"text__{i}" for i in range(8)]


def test_without_a_model_the_block_has_no_columns(movies_of):
    movies = movies_of({"name": "Farm"})
    assert TextVectors().fit(movies).transform(movies).shape == (1, 0)
    assert TextVectors().get_feature_names_out().tolist() == []


def test_another_model_than_the_fitted_one_is_refused(movies_of, text_model_bytes):
    movies = movies_of({"name": "Farm"})
    with pytest.raises(TextModelError, match="of 9 dimensions, but none was given"):
        TextVectors(9).transform(movies)
    with pytest.raises(TextModelError, match="of 9 dimensions, but one of 8 was given"):
        TextVectors(9).transform(movies, load_text_model(text_model_bytes))
