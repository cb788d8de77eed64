import math
import re

from jfdask.features.matrix import LABEL_FREE_BLOCKS, SEED_BLOCKS
from jfdask.jellyfin.paging import MAX_ROUNDS
from jfdask.model.catalogue import TOKEN_BLOCKS
from jfdask.model.forest import AffinityClassifier
from jfdask.model.grid import SMALL_AFFINITY_GRID, SMALL_SEED_GRID
from jfdask.model.personal_list import SCORE_MEANINGS
from jfdask.model.played import PlayedClassifier
from jfdask.model.pooled_classifiers import OWN_FAVORITE, PooledFavorite
from jfdask.model.ranking import DIVERSITY
from jfdask.model.reasons import OPENINGS
from jfdask.model.search import HouseholdClassifier
from jfdask.settings import Settings
from jfdask.stages import featurize, recommend
from jfdask.stages.featurize.text_model import LARGEST_NEWS
from jfdask.stages.fetch.tasks import COLLECTIONS_PER_TASK
from jfdask.stages.files import STAGE_NAMES
from jfdask.stages.household import KEPT
from jfdask.stages.people import TASKS_PER_WORKER
from jfdask.stages.train.tasks import GROWTH
from jfdask.stages.window import MAX_LIVE

PAGE = "docs/how-it-works.md"


def rows(page: str, head: str) -> list[str]:
    """Return the first cells of the table with such a header."""
    table = page.partition(f"| {head} |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `?([\w-]+)`? \|", table, flags=re.MULTILINE)


def test_every_block_has_a_line(pages):
    first, second = pages[PAGE].split("Blocks of the method `seed`")
    assert rows(first, "block | what") == list(LABEL_FREE_BLOCKS)
    assert rows(second, "block | what") == list(SEED_BLOCKS)


def test_every_kind_of_score_and_every_stage_has_a_line(pages):
    assert rows(pages[PAGE], "kind | score") == list(SCORE_MEANINGS)
    assert rows(pages[PAGE], "stage | a task is") == list(STAGE_NAMES)
    titles = re.findall(r"^## (\w+):", pages[PAGE], flags=re.MULTILINE)
    assert titles == list(STAGE_NAMES)


def test_every_kind_of_token_and_reason_is_named(pages):
    page = pages[PAGE]
    kinds = {block.name for block in TOKEN_BLOCKS} - {"genre_pair"}
    assert [kind for kind in kinds | set(OPENINGS) if kind not in page] == []


def strength_of(model: AffinityClassifier | PooledFavorite) -> float:
    """Return how much evidence weighs as much as the prior."""
    model.evidence_, model.trees_, model.movie_ids_ = 1.0, [], []
    return 1 / model.trust_ - 1


def test_its_numbers_are_the_codes(pages):
    page = re.sub(r"\s+", " ", pages[PAGE])
    settings = Settings()
    forest, played = AffinityClassifier(), PlayedClassifier()
    sizes = {math.prod(len(v) for v in g.values()) for g in (SMALL_AFFINITY_GRID, SMALL_SEED_GRID)}
    assert sizes == {12}
    assert (forest.repetitions, forest.ridge_share, MAX_ROUNDS, KEPT) == (2, 0.5, 3, 2)
    assert settings.recommend.diversity == DIVERSITY
    assert (GROWTH, LARGEST_NEWS, settings.train.held_out) == (1.1, 0.1, 0.2)
    told = [
        "by default 12 candidates",
        f"in {settings.train.folds} folds within each person",
        f"a candidate is fitted as one forest of {HouseholdClassifier().max_trees} trees",
        f"Two forests of {forest.n_estimators} trees",
        f"a forest of {played.n_estimators} trees",
        "three times at most",
        "the plays have grown by a tenth",
        "when a tenth of the library is new",
        "a fifth of the plays",
        "the features of the last two households",
        f"n / (n + {settings.train.min_favorites:.0f}) (`train.min_favorites`)",
        f"P(favourite) as it is told the share is n / (n + {strength_of(forest):g})",
        f"With a pool it is n / (n + {strength_of(PooledFavorite(forest)):g})",
        f"{round(5 * (1 - OWN_FAVORITE))}/5 the pool's trees', {round(5 * OWN_FAVORITE)}/5",
        f"more than {settings.fetch.largest_loss:.0%}".replace("%", " %"),
        f"it reduces `text` to {featurize.TEXT_COMPONENTS}",
        f"up to {settings.fetch.page_size} movies; {COLLECTIONS_PER_TASK} collections",
        f"up to {settings.fetch.people_per_call} movies, or their people",
        f"a partition of {settings.features.movies_per_partition:,} movies",
        f"up to {settings.train.people_per_task} people",
        "about four tasks",
        f"| up to {recommend.PEOPLE_PER_TASK} people |",
        f"{MAX_LIVE:,} over all households",
    ]
    assert TASKS_PER_WORKER == 4
    assert [sentence for sentence in told if sentence not in page] == []
