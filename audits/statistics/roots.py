"""Where a falling function crosses zero, for whole arrays at once: what score intervals are inverted with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
STEPS = 60
"""Halvings: the last one moves the root by less than the spacing of floats near 1."""


def falling_root(function: Callable[[Floats], Floats], low: ArrayLike, high: ArrayLike) -> Floats:
    """Return, element by element, where ``function`` falls through 0 between ``low`` and ``high``.

    Args:
        function: non-increasing in its argument, element by element; any shape.
        low: where the search begins; returned (nearly) where the function is below 0 already.
        high: where it ends; returned (nearly) where the function is still above 0.

    Returns:
        The crossing to the last bits of a float, in the shape that ``low`` and ``high`` broadcast to.
    """
    left, right = (np.array(end, dtype=np.float64) for end in np.broadcast_arrays(low, high))
    for _ in range(STEPS):
        middle = (left + right) / 2
        above = function(middle) > 0
        left = np.where(above, middle, left)
        right = np.where(above, right, middle)
    return (left + right) / 2


def quotient(numerator: ArrayLike, denominator: ArrayLike, otherwise: float = 0.0) -> Floats:
    """Return ``numerator / denominator``, and ``otherwise`` where the denominator is 0."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    shape = top.shape if top.shape == bottom.shape else np.broadcast(top, bottom).shape
    return np.asarray(np.divide(top, bottom, out=np.full(shape, float(otherwise)), where=bottom != 0))


def arrays(*values: ArrayLike) -> tuple[Floats, ...]:
    """Return the values as float arrays of one shape."""
    given = [np.asarray(value, np.float64) for value in values]
    if all(value.shape == given[0].shape for value in given):
        return tuple(given)  # what ``broadcast_arrays`` would give, in a tenth of the time
    return tuple(np.broadcast_arrays(*given))
