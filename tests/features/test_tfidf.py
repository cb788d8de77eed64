import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from jfdask.features.text import movie_texts
from jfdask.features.tfidf import TfidfText

WORDS = ["war", "farm", "ship", "night", "sea", "cow", "hill", "rain", "road", "child", "king"]


def test_it_is_scikit_learns_tfidf(movies_of):
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(WORDS, size=6)) for _ in range(40)]
    movies = movies_of(*({"overview": text, "name": "The film"} for text in texts))
    theirs = TfidfVectorizer(sublinear_tf=True, min_df=3, max_df=0.35)
    expected = theirs.fit_transform(movie_texts(movies))
    block = TfidfText(max_share=0.35).fit(movies)
    names = [f"tfidf__{word}" for word in theirs.get_feature_names_out()]
    assert 0 < len(names) < len(WORDS)  # some words are too common
    assert block.get_feature_names_out().tolist() == names
    np.testing.assert_allclose(block.transform(movies).toarray(), expected.toarray(), atol=1e-12)


def test_title_taglines_and_overview_are_read(movies_of):
    movies = movies_of({"name": "Alpha", "overview": "beta", "taglines": ["gamma", "delta"]})
    assert TfidfText().fit(movies).get_feature_names_out().tolist() == [
        "tfidf__alpha",
        "tfidf__beta",
        "tfidf__delta",
        "tfidf__gamma",
    ]


def test_a_tiny_catalogue_keeps_all_its_words(movies_of):
    movies = movies_of({"name": "Ship at sea"}, {"name": "Sea of rain"})
    X = TfidfText().fit(movies).transform(movies)
    assert X.shape == (2, 5)
    np.testing.assert_allclose(np.linalg.norm(X.toarray(), axis=1), 1)


def test_no_words_at_all(movies_of):
    for movies in (movies_of(), movies_of({"name": "!?", "overview": None}, {})):
        block = TfidfText().fit(movies)
        assert block.transform(movies).shape == (len(movies), 0)
        assert block.transform(movies_of({"name": "War"})).shape == (1, 0)


def test_unseen_words_and_endless_ones_are_left_out(movies_of):
    block = TfidfText().fit(movies_of({"name": "War " + "x" * 100_000}))
    assert block.get_feature_names_out().tolist() == ["tfidf__war"]
    assert block.transform(movies_of({"name": "Peace"}, {"name": "War"})).toarray().tolist() == [
        [0],
        [1],
    ]
