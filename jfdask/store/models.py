"""Models as skops files: nothing in them is run, and their types are looked at first."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import orjson

from jfdask.errors import DamagedArtifact, UntrustedModel
from jfdask.store.filesystem import Store

# skops brings scikit-learn, which takes seconds to load: it is imported where it is used, so
# that what only lists and shows is quick.

# All that we store beside what skops itself holds for safe (numpy, scipy, scikit-learn's own
# estimators).
_TRUSTED = (
    "jfdask.features.binary.BinaryFlags",
    "jfdask.features.certificate.Certificate",
    "jfdask.features.date.PremiereDate",
    "jfdask.features.decade.Decade",
    "jfdask.features.genre_pairs.GenrePairs",
    "jfdask.features.matrix.FittedBlocks",
    "jfdask.features.multilabel.MultiLabel",
    "jfdask.features.numbers.Numbers",
    "jfdask.features.onehot.OneHot",
    "jfdask.features.ordinal.CollectionOrder",
    "jfdask.features.roles.RoleCounts",
    "jfdask.features.scalar.Scalars",
    "jfdask.features.text.TextVectors",
    "jfdask.features.tfidf.TfidfText",
    "jfdask.features.tokens.Tokens",
    "jfdask.model.boosting.BoostedTrees",
    "jfdask.model.forest.AffinityClassifier",
    "jfdask.model.played.PlayedClassifier",
    "jfdask.model.pooled.PooledModel",
    "jfdask.model.pooled_classifiers.PooledFavorite",
    "jfdask.model.pooled_classifiers.PooledPlayed",
    "jfdask.model.seed.SeedClassifier",
    "jfdask.model.trees.Trees",
)
_SCHEMA = "schema.json"
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
# Of zlib's nine levels; the usual 6 takes three times as long for files a tenth smaller.
_COMPRESSION = 3


def write_model(store: Store, key: str, estimator: object) -> None:
    """Write an estimator."""
    store.write(key, encode_model(estimator))


def read_model(store: Store, key: str) -> Any:
    """Return an estimator.

    Raises
    ------
    UntrustedModel
        The file holds types that jfdask never writes; they are named.
    MissingArtifact, DamagedArtifact
        The key is not there, or holds no model.
    """
    return decode_model(store.read(key), key)


def encode_model(estimator: object) -> bytes:
    """Return an estimator as a skops file; the same estimator gives the same bytes."""
    import skops.io

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as archive:
        schema = orjson.loads(archive.read(_SCHEMA))
        names = _renumber(schema)
        files = {new: archive.read(old) for old, new in names.items()}
    files[_SCHEMA] = orjson.dumps(schema)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _FIXED_TIME)
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED, _COMPRESSION)
    return buffer.getvalue()


def decode_model(data: bytes, key: str) -> Any:
    """Return the estimator of a skops file's bytes; ``key`` is named in errors."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    # A skops file that was tampered with fails in any of a hundred ways.
    try:
        return skops.io.loads(data, trusted=_TRUSTED)
    except UntrustedTypesFoundException as error:
        foreign = sorted(set(skops.io.get_untrusted_types(data=data)).difference(_TRUSTED))
        raise UntrustedModel(
            f"The model {key!r} holds types that jfdask does not write: {', '.join(foreign)}. It "
            "was not loaded. Delete it and train again; ask who else writes to the store."
        ) from error
    except Exception as error:
        raise _damaged(key, error) from error


def _damaged(key: str, error: Exception) -> DamagedArtifact:
    return DamagedArtifact(
        f"{key!r} is not a model that can be loaded ({type(error).__name__}: {error}). Train "
        "again, or restore the file."
    )


def _renumber(schema: dict[str, Any]) -> dict[str, str]:
    """Replace addresses in memory, which skops uses for ids, by numbers in order of appearance.

    Values that cannot change (numbers, texts) are one if they are equal: whether they happen
    to be one object differs between a model that was fitted here and one sent by a worker.

    Returns
    -------
    dict
        Name of each file in the archive: its new name.
    """
    numbers: dict[object, int] = {}
    names: dict[str, str] = {}

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "__id__" in node:
                value = (node.get("__loader__"), node.get("__class__"), node.get("content"))
                same = value if node.get("__loader__") == "JsonNode" else node["__id__"]
                node["__id__"] = numbers.setdefault(same, len(numbers) + 1)
            file = node.get("file")
            if isinstance(file, str) and "__loader__" in node:
                _, dot, suffix = file.rpartition(".")
                node["file"] = names.setdefault(file, f"{len(names) + 1}{dot}{suffix}")
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(schema)
    return names
