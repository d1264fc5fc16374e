"""Shapley values of a table model's features against one common background; shap is imported where it is used.

The game is the interventional one: a feature that is out takes its value from the background's rows, whatever the
others are. Three routes, the first that reproduces the model's own answers: linear models and tree ensembles behind
transforms that read one column each are taken apart exactly; every other model is asked as a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PREDICTIONS = 4_000_000
"""About as many answers of the model as asking it as a function may take; never less than two walks per row."""
AGREEMENT = 1e-5
"""How far a route's probabilities may lie from the model's own before it is taken to have misread the model."""


@dataclass(frozen=True)
class Explanation:
    """What each feature adds to the model's output, in ``unit``, and that output.

    ``values`` shape ``(rows, features)`` · ``output`` shape ``(rows,)`` · ``base`` the mean output of the background
    · ``explainer`` the route taken.
    """

    values: Floats
    output: Floats
    base: float
    unit: Literal["log-odds", "probability"]
    explainer: Literal["linear", "tree", "exact", "permutation"]

    @property
    def error(self) -> float:
        """Largest gap between a row's summed values and its output less the base."""
        return float(np.abs(self.values.sum(axis=1) - (self.output - self.base)).max(initial=0.0))


def explain(subject: Any, rows: Any, background: Any, seed: int) -> Explanation:
    """Return the Shapley values of rows against a background.

    Args:
        subject: a table model (``model``, ``features``, ``predict``).
        rows: pandas frame with the columns ``subject.features``.
        background: pandas frame with the same columns.
        seed: of the orders in which features are put in, where these are sampled.

    Source: Lundberg, Lee 2017; Lundberg et al. 2020 (trees); Štrumbelj, Kononenko 2014 (sampling).
    """
    rows, background = rows[list(subject.features)], background[list(subject.features)]
    parts = _take_apart(subject.model, rows, background)
    found = parts and (_linear(subject, parts) or _tree(subject, parts))
    if not found or not _agrees(found, subject.predict(rows)):
        found = _as_function(subject.predict, rows, background, seed)
    return replace(found, values=np.round(found.values, 12) + 0.0)  # 1e-17 is a 0 that differs between processors


def _agrees(found: Explanation, chances: Floats) -> bool:
    """Whether a route has read the model rightly: base and values give back its own answers."""
    from scipy.special import expit

    output = found.base + found.values.sum(axis=1)
    told = expit(output) if found.unit == "log-odds" else output
    return bool(found.error <= AGREEMENT and np.abs(told - chances).max(initial=0.0) <= AGREEMENT)


@dataclass(frozen=True)
class _Parts:
    """A final estimator with the columns it reads, and which feature each column comes from (−1: none).

    ``given`` rows and background in the form that the estimator knows · ``rows``, ``background`` as numbers.
    """

    estimator: Any
    given: tuple[Any, Any]
    rows: Floats
    background: Floats
    owners: NDArray[np.int64]
    features: int

    def by_feature(self, values: Floats) -> Floats:
        """Sum the values of the columns that come from one feature."""
        summed = np.zeros((len(values), self.features))
        for column, owner in enumerate(self.owners):
            if owner >= 0:
                summed[:, owner] += values[:, column]
        return summed


def _take_apart(model: Any, rows: Any, background: Any) -> _Parts | None:
    """Return the parts of a model whose every column comes from one feature, ``None`` for any other."""
    import pandas as pd
    from sklearn.pipeline import Pipeline

    if not isinstance(model, Pipeline):
        if not all(pd.api.types.is_numeric_dtype(kind) for kind in rows.dtypes):
            return None
        own = np.arange(rows.shape[1])
        numbers = [frame.to_numpy(np.float64) for frame in (rows, background)]
        return _Parts(model, (rows, background), numbers[0], numbers[1], own, rows.shape[1])
    if len(model) < 2:
        return None
    transform = model[:-1].transform
    owners = _owners(lambda frame: _dense(transform(frame)), pd.concat([rows, background], ignore_index=True))
    given = transform(rows), transform(background)
    inside, outside = _dense(given[0]), _dense(given[1])
    if owners is None or inside is None or outside is None:
        return None
    return _Parts(model[-1], given, inside, outside, owners, rows.shape[1])


def _dense(columns: Any) -> Floats | None:
    """Return transformed columns as numbers, ``None`` where they are not."""
    columns = columns.toarray() if hasattr(columns, "toarray") else columns
    try:
        return np.asarray(columns, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _owners(transform: Callable[[Any], Floats | None], frame: Any) -> NDArray[np.int64] | None:
    """Return which feature each column follows, found by shuffling one feature at a time.

    ``None`` where a column follows several (the columns are then no features of their own) or is no number.
    """
    columns = transform(frame)
    if columns is None:
        return None
    order = np.random.default_rng(0).permutation(len(frame))
    owners = np.full(columns.shape[1], -1, dtype=np.int64)
    for at, name in enumerate(frame.columns):
        moved = frame.copy()
        moved[name] = frame[name].iloc[order].array
        other = transform(moved)
        if other is None or other.shape != columns.shape:
            return None
        changed = ((other != columns) & ~(np.isnan(other) & np.isnan(columns))).any(axis=0)
        if (owners[changed] >= 0).any():
            return None
        owners[changed] = at
    return owners


def _sign(subject: Any) -> int:
    """−1 where the positive class is the first of two."""
    return 1 if getattr(subject, "positive", 1) == 1 else -1


def _linear(subject: Any, parts: _Parts) -> Explanation | None:
    estimator = parts.estimator
    weights = np.asarray(getattr(estimator, "coef_", np.empty(0)), dtype=np.float64)
    if weights.size != parts.rows.shape[1] or not hasattr(estimator, "decision_function"):
        return None
    shap = _shap()
    line = (weights.ravel(), float(np.ravel(estimator.intercept_)[0]))
    masker = shap.maskers.Independent(parts.background, max_samples=len(parts.background))
    explainer = shap.LinearExplainer(line, masker)
    sign = _sign(subject)
    values = sign * np.asarray(explainer.shap_values(parts.rows), dtype=np.float64)
    output, common = _outputs(estimator.decision_function, parts.given)
    return Explanation(parts.by_feature(values), sign * output, sign * float(common.mean()), "log-odds", "linear")


def _outputs(function: Callable[[Any], Any], given: tuple[Any, Any]) -> tuple[Floats, Floats]:
    """What the estimator answers for rows and background."""
    rows, background = (np.ravel(np.asarray(function(one), dtype=np.float64)) for one in given)
    return rows, background


def _tree(subject: Any, parts: _Parts) -> Explanation | None:
    """Explain an ensemble of trees whose every column is a feature of its own."""
    used = parts.owners[parts.owners >= 0]
    if len(set(used.tolist())) < len(used):
        return None
    shap = _shap()
    try:
        trees = shap.TreeExplainer(parts.estimator).model
        rows, background = _exactly_split(parts.rows, trees), _exactly_split(parts.background, trees)
        masker = shap.maskers.Independent(background, max_samples=len(background))
        explainer = shap.TreeExplainer(parts.estimator, masker, feature_perturbation="interventional")
        values = np.asarray(explainer.shap_values(rows, check_additivity=False), dtype=np.float64)
    except (shap.utils._exceptions.InvalidModelError, NotImplementedError, TypeError, ValueError, AssertionError):
        return None  # no tree, or one that shap does not read
    if values.ndim == 3:
        at = getattr(subject, "positive", 1)
        output, common = _outputs(lambda given: parts.estimator.predict_proba(given)[:, at], parts.given)
        return Explanation(parts.by_feature(values[:, :, at]), output, float(common.mean()), "probability", "tree")
    if not hasattr(parts.estimator, "decision_function"):
        return None
    sign = _sign(subject)
    output, common = _outputs(parts.estimator.decision_function, parts.given)
    return Explanation(parts.by_feature(sign * values), sign * output, sign * float(common.mean()), "log-odds", "tree")


def _exactly_split(columns: Floats, trees: Any) -> Floats:
    """Return columns that single-precision thresholds split just as the model splits the given ones.

    shap 0.51 narrows thresholds to float32 in the interventional game (shap issue 5116), which sends rows that lie at
    a threshold the wrong way; histogram boosting puts its thresholds on such rows. Trees see order alone, so each
    value is moved up to the next threshold as shap knows it.
    """
    moved = columns.astype(trees.input_dtype).astype(np.float64)
    inner = trees.children_left >= 0
    for at in range(moved.shape[1]):
        cuts = np.unique(trees.thresholds[inner & (trees.features == at)])
        known = ~np.isnan(moved[:, at])
        steps = np.append(cuts.astype(np.float32), np.inf)
        moved[known, at] = steps[np.searchsorted(cuts, moved[known, at], side="left")]
    return moved


def _as_function(predict: Callable[[Any], Floats], rows: Any, background: Any, seed: int) -> Explanation:
    """Ask the model as a function of its features: every subset where that is cheap, else walks both ways.

    Values are told to shap as numbers that stand for them, so that words, truth values and gaps can be features.
    """
    import pandas as pd

    shap = _shap()
    both = pd.concat([rows, background], ignore_index=True)
    codes, known = zip(*(both[name].factorize(use_na_sentinel=False) for name in both.columns), strict=True)

    def function(numbers: Floats) -> Floats:
        columns = numbers.astype(np.int64).T
        frame = pd.DataFrame({n: k.take(c) for n, k, c in zip(both.columns, known, columns, strict=True)})
        return np.asarray(predict(frame), dtype=np.float64)

    numbers = np.column_stack(codes).astype(np.float64)
    inside, outside = numbers[: len(rows)], numbers[len(rows) :]
    masker = shap.maskers.Independent(outside, max_samples=len(outside))
    features = rows.shape[1]
    affordable = PREDICTIONS // max(len(rows) * len(background), 1)
    walk = 2 * features + 1
    with _seeded(seed):
        if features <= 12 and 2**features <= max(affordable, walk):
            name: Literal["exact", "permutation"] = "exact"
            values = shap.ExactExplainer(function, masker)(inside, max_evals=2**features, silent=True).values
        else:
            name = "permutation"
            evaluations = walk * int(np.clip(affordable // walk, 1, 10))
            explainer = shap.PermutationExplainer(function, masker, seed=seed)
            values = explainer(inside, max_evals=evaluations, silent=True).values
    base = float(np.mean(predict(background)))
    return Explanation(np.asarray(values, np.float64), np.asarray(predict(rows), np.float64), base, "probability", name)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed numpy's shared generator, which shap draws from, and leave it afterwards as it was."""
    state = np.random.get_state()
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        np.random.set_state(state)


def _shap() -> Any:
    """Import shap; its plots are not used, and matplotlib warns of what they call."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap
    return shap
