"""Names of stages and of the files they write: what docs/artifacts.md tells of."""

from __future__ import annotations

#: In this order; each stage works on what the ones before stored.
FETCH, FEATURIZE, POOL, TRAIN, RECOMMEND = STAGE_NAMES = (
    "fetch",
    "featurize",
    "pool",
    "train",
    "recommend",
)

# fetch
MOVIES_TABLE = "movies.parquet"
PLAYS_TABLE = "plays.parquet"  # a person's
USER = "user.json"  # a person's

# featurize
COLUMNS = "columns.json"
SINGULAR_VALUES = "singular_values.json"

# pool
CHOICE = "pool.json"

# train, all of them a person's
FAVORITE = "favorite.skops"
PLAYED = "played.skops"
METRICS = "metrics.json"
RELIABILITY = "reliability.json"
LEARNED = "learned.json"

# recommend, both a person's
RECOMMENDATIONS_TABLE = "recommendations.parquet"
RECOMMENDATIONS = "recommendations.json"


def blocks_part(index: int) -> str:
    """Return the name of the fitted blocks that were fitted together."""
    return f"blocks-{index:04d}.skops"


def matrix_part(index: int) -> str:
    """Return the name of a partition of the feature matrix."""
    return f"matrix-{index:04d}.parquet"


def svd_part(index: int) -> str:
    """Return the name of a partition of the reduced matrix."""
    return f"svd-{index:04d}.parquet"
