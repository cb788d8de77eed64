"""Why a movie is recommended: one to three sentences from what moved its score.

A sentence's weight is its part of the score; with a pool, of the score of her own models
(``jfdask.model.personal_list.score_parts``). Only what the person's own plays bear out is told,
with their counts, and nothing that has hardly moved the score beside the weightiest. The
weightiest comes first; a rating that has moved the score more is told last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from jfdask.model.affinity import CHUNK, RIDGE_PENALTY
from jfdask.model.catalogue import TOKEN_BLOCKS, Catalogue
from jfdask.model.contributions import token_affinities, token_lifts
from jfdask.model.facts import Facts
from jfdask.model.history import History
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.kernel import share_liked
from jfdask.model.labels import STATED
from jfdask.model.parts import Parts
from jfdask.model.ridge import ridge_inverse

#: How a sentence begins, for the kinds of tokens that make one.
OPENINGS = {
    "director": "Directed by {}",
    "actor": "With {}",
    "writer": "Written by {}",
    "collection": "Part of {}",
    "studio": "From {}",
    "genre": "{}",
    "decade": "From the {}s",
}
_SPEAKING = np.array([b.name in OPENINGS for b in TOKEN_BLOCKS])
# One play of a genre says nothing; one of a director is a fact worth telling.
_FEWEST_PLAYS = np.array([1 if b.shrinkage <= 2.0 else 3 for b in TOKEN_BLOCKS])
_LEAST_SIMILARITY = 0.12  # of the texts of two movies that are called alike
_WITHOUT_PARTS = 0.03  # what likeness weighs beside affinities where a model cannot say
_NAMED_WORDS = 2  # that both descriptions have: one alone may be any ('weeks')
_LEAST_SHARE = 0.1  # of the weightiest sentence's weight, to be told beside it


@dataclass(frozen=True)
class Reason:
    """A reason, as a sentence."""

    kind: str  # director, actor, ..., similar, favorite, rating, general
    text: str
    weight: float  # its part of the score, by which reasons are ordered; not comparable


#: Of a favourite that is not played yet.
MARKED = Reason("favorite", "You marked it as a favourite and have not played it.", np.inf)

# Kind, weight, and how to tell it of what: most are never told.
_Option = tuple[str, float, Callable[..., str], tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a person's plays say of tokens and of likeness."""

    history: History
    affinity: Floats  # (t,) shrunken mean of liked less p̄; by plays alone: of lift
    n_plays: Floats  # (t,)
    n_liked: Floats  # (t,)
    n_again: Floats  # (t,) of these: liked, as far as is known, because they were watched again
    again: frozenset[int]  # positions of such plays
    pull: Floats  # (n_played,) weight of each play in kernel ridge
    telling: Bools  # (n_words,) words of descriptions but those that any text has, such as 'and'
    by_plays_alone: bool  # favourites say nothing: tokens are told by what was played


def evidence_of(catalogue: Catalogue, history: History) -> Evidence:
    """Return the evidence of a person's plays, all of them, whichever are learned from."""
    words = (str(name).removeprefix("tfidf__") for name in catalogue.text_names)
    telling = np.array([word not in ENGLISH_STOP_WORDS for word in words], dtype=np.bool_)
    tokens = catalogue.tokens[history.played]
    present = (tokens != 0).astype(np.float64)
    taste = history.taste
    is_again = np.isin(history.played, taste.positions[taste.liked & (taste.weight < STATED)])
    again = frozenset(history.played[is_again].tolist())
    n_again = np.asarray(present[is_again].sum(axis=0)).ravel()
    n_plays = np.asarray(present.sum(axis=0)).ravel()
    n_liked = np.asarray(present[history.liked].sum(axis=0)).ravel()
    if not history.liked.any():
        lift = token_lifts(catalogue, history.played)
        pull = np.zeros(len(history.played))
        return Evidence(history, lift, n_plays, n_liked, n_again, again, pull, telling, True)
    residual = np.asarray(history.liked - share_liked(history.liked), dtype=np.float64)
    affinity = token_affinities(catalogue, history.played, residual)
    taught = history.thinned(catalogue.movie_ids)
    weights = ridge_inverse(catalogue, taught.played, RIDGE_PENALTY) @ (
        taught.liked - share_liked(taught.liked)
    )
    # What is not learned from pulls nothing.
    pull = np.zeros(len(history.played))
    pull[np.isin(history.played, taught.played)] = weights
    return Evidence(history, affinity, n_plays, n_liked, n_again, again, pull, telling, False)


def explain(
    catalogue: Catalogue,
    facts: Facts,
    evidence: Evidence,
    candidates: Ints,
    n_reasons: int,
    parts: Parts | None = None,
) -> list[list[Reason]]:
    """Return one to ``n_reasons`` reasons for each candidate, the weightiest first.

    At most one of each kind; a person is named once. If nothing personal holds, one general
    reason stands there.

    Parameters
    ----------
    parts
        What moved the candidates' scores, in their order; None: the model cannot say, and the
        tokens' affinities stand in for it.
    """
    favorites = set(evidence.history.favorite_unplayed.tolist())
    sentences = _Sentences(catalogue, facts, evidence)
    found = []
    for start in range(0, len(candidates), CHUNK):
        chunk = slice(start, start + CHUNK)
        query = candidates[chunk]
        by_token, by_text = (parts.tokens[chunk], parts.text[chunk]) if parts else (None, None)
        of_tokens = _by_token(catalogue, evidence, query, by_token)
        alike, likeness = _most_alike(catalogue, evidence, query, by_text)
        for row, position in enumerate(query.tolist()):
            options: list[_Option] = sentences.of_tokens(of_tokens[row])
            if alike[row] >= 0:
                pair = (position, int(alike[row]))
                options.append(("similar", float(likeness[row]), sentences.likeness, pair))
            weightiest = max((option[1] for option in options), default=0.0)
            options = [option for option in options if option[1] >= _LEAST_SHARE * weightiest]
            if position in favorites:
                options.append(("favorite", np.inf, sentences.favorite, ()))
            options.sort(key=lambda option: -option[1])
            reasons = [Reason(kind, tell(*of), w) for kind, w, tell, of in options[:n_reasons]]
            rating = float(parts.rating[start + row]) if parts else 0.0
            found.append(_with_rating(facts, position, reasons, rating, n_reasons))
    return found


def _with_rating(
    facts: Facts, position: int, reasons: list[Reason], moved: float, n_reasons: int
) -> list[Reason]:
    """Return the reasons, and last the rating if it has moved the score more than they have."""
    if not reasons:
        return [_general(facts, position)]
    general = _general(facts, position)
    if n_reasons == 1 or general.kind != "rating" or moved <= reasons[0].weight:
        return reasons
    return [*reasons[: n_reasons - 1], Reason("rating", general.text, moved)]


def _by_token(
    catalogue: Catalogue, evidence: Evidence, query: Ints, parts: csr_matrix | None
) -> list[list[tuple[int, float]]]:
    """Return, for each movie, the best speaking token of each kind, (token, weight)."""
    rows = catalogue.tokens[query] if parts is None else parts
    row_of = np.repeat(np.arange(len(query)), np.diff(rows.indptr))
    token, block = rows.indices, catalogue.block_of_token[rows.indices]
    weight = rows.data * evidence.affinity[token] if parts is None else rows.data
    counted = evidence.n_plays if evidence.by_plays_alone else evidence.n_liked
    told = (
        _SPEAKING[block]
        & (evidence.n_plays[token] >= _FEWEST_PLAYS[block])
        & (counted[token] >= 1)
        & (evidence.affinity[token] > 0)
        & (weight > 0)
    )
    best: list[list[tuple[int, float]]] = [[] for _ in query]
    chosen = np.flatnonzero(told)
    chosen = chosen[np.lexsort((token[chosen], -weight[chosen], block[chosen], row_of[chosen]))]
    cell = row_of[chosen] * len(TOKEN_BLOCKS) + block[chosen]
    first = np.r_[True, cell[1:] != cell[:-1]] if len(cell) else np.empty(0, dtype=np.bool_)
    for entry in chosen[first].tolist():
        best[row_of[entry]].append((int(token[entry]), float(weight[entry])))
    return best


def _most_alike(
    catalogue: Catalogue, evidence: Evidence, query: Ints, moved: Floats | None
) -> tuple[Ints, Floats]:
    """Return the position of the liked play whose text is most alike, or -1, and its weight.

    May be called alike whose texts have enough in common, words that a sentence can name among
    it. Its weight is what the texts of all such plays have moved: a theme that several share is
    told by one of them.
    """
    nobody = np.full(len(query), -1, dtype=np.int64)
    liked = evidence.history.played[evidence.history.liked]
    if not len(liked):
        return nobody, np.zeros(len(query))
    texts = np.asarray((catalogue.text[query] @ catalogue.text[liked].T).toarray())
    own, theirs = (catalogue.text[movies][:, evidence.telling] != 0 for movies in (query, liked))
    n_words = (own.astype(np.int64) @ theirs.T.astype(np.int64)).toarray()
    is_alike = (texts >= _LEAST_SIMILARITY) & (n_words >= _NAMED_WORDS)
    pulled = texts if moved is None else texts * evidence.pull[evidence.history.liked]
    pulled_alike = np.where(is_alike, pulled, 0.0)
    best = pulled_alike.argmax(axis=1)
    rows = np.arange(len(query))
    if moved is None:
        weight = _WITHOUT_PARTS * texts[rows, best]
    else:
        alike = np.maximum(pulled_alike, 0.0).sum(axis=1)
        everything = np.maximum(pulled, 0.0).sum(axis=1)
        weight = moved * np.divide(
            alike, everything, out=np.zeros_like(alike), where=everything > 0
        )
    holds = (pulled_alike[rows, best] > 0) & (weight > 0)
    return np.where(holds, liked[best], nobody), weight


class _Sentences:
    """Words for what was found; each token's are made once."""

    def __init__(self, catalogue: Catalogue, facts: Facts, evidence: Evidence) -> None:
        self._catalogue, self._facts, self._evidence = catalogue, facts, evidence
        self._told: dict[int, str] = {}
        # The plays of a token, for naming the only one there is.
        self._plays = catalogue.tokens[evidence.history.played].tocsc()

    def of_tokens(self, found: list[tuple[int, float]]) -> list[_Option]:
        """Return options, leaving out a person who is named for something else already."""
        options: list[_Option] = []
        named = set()
        for token, weight in sorted(found, key=lambda f: (-f[1], f[0])):
            kind, key = self._kind_and_key(token)
            if key not in named:
                named.add(key)
                options.append((kind, weight, self.token, (token,)))
        return options

    def token(self, token: int) -> str:
        if token not in self._told:
            kind, key = self._kind_and_key(token)
            name = self._facts.name_of.get(key, key)
            self._told[token] = f"{OPENINGS[kind].format(name)}{self._record(token)}"
        return self._told[token]

    def likeness(self, position: int, play: int) -> str:
        title = self._facts.titles[play]
        because = f"Because you liked {title}"
        if play in self._evidence.again:
            because = f"Because you watched {title} again"
        shared = self._catalogue.text[position].multiply(self._catalogue.text[play]).tocsr()
        # Words that every text has tell a reader nothing, much as they may weigh.
        weight = np.where(self._evidence.telling[shared.indices], shared.data, 0.0)
        named = shared.indices[np.argsort(-weight, kind="stable")[:_NAMED_WORDS]]
        names = [str(self._catalogue.text_names[i]).removeprefix("tfidf__") for i in named]
        quoted = " and ".join(f"'{name}'" for name in names)
        return f"{because}: both mention {quoted}."

    def favorite(self) -> str:
        return MARKED.text

    def _kind_and_key(self, token: int) -> tuple[str, str]:
        block = TOKEN_BLOCKS[self._catalogue.block_of_token[token]]
        name = str(self._catalogue.token_names[token])
        return block.name, name.removeprefix(block.prefix)

    def _record(self, token: int) -> str:
        n, liked = int(self._evidence.n_plays[token]), int(self._evidence.n_liked[token])
        if n == 1:
            only = self._plays.indices[self._plays.indptr[token]]
            play = int(self._evidence.history.played[only])
            title = self._facts.titles[play]
            what = "which you liked" if liked else "which you have seen"
            if play in self._evidence.again:
                what = "which you watched again"
            return f", like {title}, {what}."
        if self._evidence.by_plays_alone:
            return f": you have seen {n} of those."
        # Watching again shows liking, and may be a film seen in two sittings.
        verb = "liked or watched again" if self._evidence.n_again[token] else "liked"
        if liked == n == 2:
            return f": you {verb} both you have seen."
        if liked == n:
            return f": you {verb} all {n} you have seen."
        # Told of what she likes more than the rest: of who likes little that is no half of it.
        usual = ", more than usual" if 2 * liked < n else ""
        return f": you {verb} {liked} of the {n} you have seen{usual}."


def _general(facts: Facts, position: int) -> Reason:
    rating = facts.community_rating[position]
    if not np.isfinite(rating):
        return Reason("general", "Little in your history speaks for it.", 0.0)
    if rating >= facts.median_rating:
        return Reason("rating", f"Well rated: {rating:.1f} of 10.", 0.0)
    text = f"Little in your history speaks for it; rated {rating:.1f} of 10."
    return Reason("general", text, 0.0)
