"""Where a falling function crosses zero, for whole arrays at once: what score intervals are inverted with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
CURVED = 20
"""Steps along curves, of which most functions take half; what is open then is halved."""

HALVINGS = 61
"""As many take the whole range to ``_FINE`` of it."""

_FINE = 2.0**-61
_LAST_BITS = 2.0**-52


def falling_root(function: Callable[[Floats], Floats], low: ArrayLike, high: ArrayLike) -> Floats:
    """Return, element by element, where ``function`` falls through 0 between ``low`` and ``high``.

    From two points with the root between them the next one is where the parabola through the last three crosses 0,
    if it is to be trusted, else their middle: a dozen steps come as near as 60 halvings.

    Args:
        function: non-increasing in its argument, element by element; any shape.
        low: where the search begins; returned where the function is not above 0 there.
        high: where it ends; returned where the function is still above 0.

    Returns:
        The crossing to the last bits of a float, in the shape that ``low`` and ``high`` broadcast to.

    Source: Chandrupatla 1997, Advances in Engineering Software 28:145.
    """
    new, other = (np.array(end, dtype=np.float64) for end in np.broadcast_arrays(low, high))
    at_new, at_other = function(new), function(other)
    least = (other - new) * _FINE
    found = np.where(at_new > 0, other, new)
    done = ~(at_new > 0) | (at_other > 0)
    step = np.full(new.shape, 0.5)
    for turn in range(CURVED + HALVINGS):
        if done.all():
            break
        old, at_old = new, at_new
        new = old + step * (other - old)
        at_new = function(new)
        same = (at_new > 0) == (at_old > 0)
        third, at_third = np.where(same, old, other), np.where(same, at_old, at_other)
        other, at_other = np.where(same, other, old), np.where(same, at_other, at_old)
        best = np.where(np.abs(at_new) < np.abs(at_other), new, other)
        found = np.where(done, found, best)
        with np.errstate(all="ignore"):
            shortest = (_LAST_BITS * np.abs(best) + least) / np.abs(other - new)
            done |= ~(shortest <= 0.5)
            step = _next_step((new, at_new), (other, at_other), (third, at_third), curved=turn < CURVED)
        step = np.where(done, 0.0, np.clip(step, shortest, 1 - shortest))
    return found


def _next_step(
    one: tuple[Floats, Floats], other: tuple[Floats, Floats], third: tuple[Floats, Floats], curved: bool
) -> Floats:
    """The share of the way from one point to the other: by inverse quadratic interpolation, or half."""
    (x1, f1), (x2, f2), (x3, f3) = one, other, third
    xi, phi = (x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2)
    trusted = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & curved
    by_curve = f1 / (f2 - f1) * f3 / (f2 - f3) + (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
    return np.where(trusted, by_curve, 0.5)


def quotient(numerator: ArrayLike, denominator: ArrayLike, otherwise: float = 0.0) -> Floats:
    """Return ``numerator / denominator``, and ``otherwise`` where the denominator is 0."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    there = bottom != 0
    if there.all():
        return np.asarray(top / bottom)
    shape = top.shape if top.shape == bottom.shape else np.broadcast(top, bottom).shape
    return np.asarray(np.divide(top, bottom, out=np.full(shape, float(otherwise)), where=there))


def arrays(*values: ArrayLike) -> tuple[Floats, ...]:
    """Return the values as float arrays of one shape."""
    given = [np.asarray(value, np.float64) for value in values]
    if all(value.shape == given[0].shape for value in given):
        return tuple(given)  # what ``broadcast_arrays`` would give, in a tenth of the time
    return tuple(np.broadcast_arrays(*given))
