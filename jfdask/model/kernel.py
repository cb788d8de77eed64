"""The kernel between movies.

k(i, j) = Σ_b w_b ⟨block_b(i), block_b(j)⟩ + Σ_x w_x exp(-(x_i - x_j)² / 2) + Σ_x v_x x_i x_j

Blocks have rows of length 1 a kind of token; numbers x are standardised. Only rows against a
person's plays are ever computed, never movies x movies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jfdask.model.catalogue import NUMBER_KERNEL, Catalogue
from jfdask.model.inputs import Bools, Floats, Ints
from jfdask.model.memo import Memo, digest

CHUNK = 1024  # rows at once: bounds memory to a few CHUNK x references arrays
_VALUES = 1024  # of a number at once, likewise
# Folds, repetitions and the list of one person ask for the same kernel, 72 MB of 3,000 plays.
_memo = Memo(max_bytes=80 * 2**20)


@dataclass(frozen=True, eq=False)
class Radial:
    """exp(-d²/2) along one number. Many movies share a value: there is a row a value."""

    values: Floats  # (n_values,)
    of_value: Floats  # (n_values, n_reference)
    value: Ints  # (n_query,) which row each query movie has


@dataclass(frozen=True, eq=False)
class Similarity:
    """Query rows against reference rows."""

    kernel: Floats  # (n_query, n_reference)
    radial: tuple[Radial, ...]  # one each of NUMBER_KERNEL's numbers


def similarity(catalogue: Catalogue, query: Ints, reference: Ints) -> Similarity:
    """Return the kernel of query rows against reference rows.

    Parameters
    ----------
    query, reference
        Positions, shapes (n_query,) and (n_reference,). The result has their product: give
        long queries in chunks.
    """
    along = radials(catalogue, query, reference)
    rows = catalogue.kernel_rows
    kernel = np.asarray((rows[query] @ rows[reference].T).toarray(), dtype=np.float64)
    for column, (radial_weight, linear_weight) in enumerate(NUMBER_KERNEL.values()):
        radial = along[column]
        part = radial_weight * radial.of_value
        if linear_weight:
            z = catalogue.scaled[reference, column]
            part += linear_weight * radial.values[:, None] * z[None, :]
        kernel += part[radial.value]
    return Similarity(kernel, along)


def own_kernel(catalogue: Catalogue, positions: Ints) -> Floats:
    """Return the kernel of movies against themselves, shape (n, n), read-only."""

    def compute() -> Floats:
        kernel = np.empty((len(positions), len(positions)))
        for start in range(0, len(positions), CHUNK):
            rows = slice(start, start + CHUNK)
            kernel[rows] = similarity(catalogue, positions[rows], positions).kernel
        return kernel

    return _memo.recall(catalogue, digest("kernel", positions), compute)


def radials(catalogue: Catalogue, query: Ints, reference: Ints) -> tuple[Radial, ...]:
    """Return the radial part of each of NUMBER_KERNEL's numbers, without its weight."""
    parts = []
    for x, z in zip(catalogue.scaled[query].T, catalogue.scaled[reference].T, strict=True):
        values, value = np.unique(x, return_inverse=True)
        of_value = np.exp(-0.5 * (values[:, None] - z[None, :]) ** 2)
        parts.append(Radial(values, of_value, value))
    return tuple(parts)


def similarity_product(
    catalogue: Catalogue, query: Ints, reference: Ints, weights: Floats
) -> Floats:
    """Return kernel(query, reference) · weights without making the kernel.

    Blocks and linear parts are products of rows, so the reference rows are summed up first;
    a radial part is the same for all movies that have the same number.

    Parameters
    ----------
    query, reference
        Positions, shapes (n_query,) and (n_reference,).
    weights
        Shape (n_reference,) or, several at once, (n_reference, n_groups).

    Returns
    -------
    Floats
        Shape (n_query,) or (n_query, n_groups).
    """
    rows = catalogue.kernel_rows
    product = np.asarray(rows[query] @ (rows[reference].T @ weights), dtype=np.float64)
    return product + number_products(catalogue, query, reference, weights).sum(axis=1)


def number_products(catalogue: Catalogue, query: Ints, reference: Ints, weights: Floats) -> Floats:
    """Return the part of ``similarity_product`` that each of NUMBER_KERNEL's numbers has.

    Returns
    -------
    Floats
        Shape (n_query, 4) or (n_query, 4, n_groups), as the weights'.
    """
    products = np.empty((len(query), len(NUMBER_KERNEL), *weights.shape[1:]))
    for column, (radial_weight, linear_weight) in enumerate(NUMBER_KERNEL.values()):
        x, z = catalogue.scaled[query, column], catalogue.scaled[reference, column]
        values, which = np.unique(x, return_inverse=True)
        sums = np.empty((len(values), *weights.shape[1:]))
        for start in range(0, len(values), _VALUES):
            part = slice(start, start + _VALUES)
            radial = np.exp(-0.5 * (values[part, None] - z[None, :]) ** 2)
            sums[part] = radial @ weights
        linear = np.multiply.outer(x, z @ weights)
        products[:, column] = radial_weight * sums[which] + linear_weight * linear
    return products


def share_liked(liked: Bools) -> float:
    """Return (favourites + 1) / (plays + 2): the share of liked plays, never 0 or 1."""
    return float((liked.sum() + 1) / (len(liked) + 2))
