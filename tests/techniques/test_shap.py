import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)  # matplotlib, of what shap's plots call
    import shap as library
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from audits.errors import SpecError
from audits.evidence import ROWS, Evidence
from audits.shapley import explain
from audits.spec import AuditSpec
from audits.subjects.tabular import Tabular
from audits.techniques import registry, run

NUMBERS = ["sex", "income", "debt"]


def people(count=400, seed=0):
    """Sex 1 earns more; approval follows income and debt."""
    random = np.random.default_rng(seed)
    sex = (random.random(count) < 0.4).astype(float)
    income = random.normal(size=count) + 0.8 * sex
    debt = random.normal(size=count)
    frame = pd.DataFrame({"sex": sex, "income": income, "debt": debt})
    frame["region"] = np.where(random.random(count) < 0.5, "north", "south")
    return frame, (income - debt + random.normal(size=count) > 0).astype(int)


def fitted(estimator, frame, labels, features=NUMBERS, positive=1):
    return Tabular(estimator.fit(frame[features], labels), tuple(features), positive)


def asked(function, features):
    return SimpleNamespace(model=function, features=tuple(features), predict=function)


def test_the_library_is_not_the_technique_of_the_same_name():
    assert hasattr(library, "TreeExplainer")
    assert registry["shap"].function is not library


def test_of_a_linear_model_a_feature_adds_weight_times_its_distance_from_the_backgrounds_mean():
    frame, labels = people()
    subject = fitted(LogisticRegression(), frame, labels)
    found = explain(subject, frame, frame[:50], seed=0)
    expected = subject.model.coef_[0] * (frame[NUMBERS] - frame[NUMBERS][:50].mean()).to_numpy()
    np.testing.assert_allclose(found.values, expected, atol=1e-6)
    assert (found.unit, found.explainer) == ("log-odds", "linear")
    assert found.error < 1e-6


def test_with_the_first_class_as_the_positive_one_every_sign_turns():
    frame, labels = people()
    one, other = (explain(fitted(LogisticRegression(), frame, labels, positive=p), frame, frame[:9], 0) for p in (1, 0))
    np.testing.assert_allclose(one.values, -other.values, atol=1e-12)


def test_scaled_imputed_and_one_hot_columns_are_told_as_the_features_they_come_from():
    frame, labels = people()
    frame.loc[::7, "debt"] = np.nan
    columns = ColumnTransformer(
        [("numbers", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS), ("words", OneHotEncoder(), ["region"])]
    )
    subject = fitted(make_pipeline(columns, LogisticRegression()), frame, labels, [*NUMBERS, "region"])
    found = explain(subject, frame, frame[:80], seed=0)
    assert found.explainer == "linear"
    assert found.values.shape == (400, 4)
    assert found.error < 1e-6
    north = found.values[frame["region"] == "north", 3]
    assert np.ptp(north) < 1e-12


@pytest.mark.parametrize("estimator", [make_pipeline(PCA(2), LogisticRegression()), KNeighborsClassifier()])
def test_a_model_that_cannot_be_taken_apart_is_asked_as_a_function(estimator):
    frame, labels = people(60)
    subject = fitted(estimator, frame, labels)
    found = explain(subject, frame, frame[:20], seed=0)
    assert (found.explainer, found.unit) == ("exact", "probability")
    assert found.error < 1e-6


@pytest.mark.parametrize(
    ("estimator", "unit"),
    [
        (GradientBoostingClassifier(n_estimators=20), "log-odds"),
        (HistGradientBoostingClassifier(max_iter=20), "log-odds"),
        (RandomForestClassifier(20, max_depth=4, random_state=0), "probability"),
    ],
)
def test_trees_are_explained_exactly(estimator, unit):
    frame, labels = people()
    subject = fitted(estimator, frame, labels)
    found = explain(subject, frame[:40], frame[:25], seed=0)
    assert (found.explainer, found.unit) == ("tree", unit)
    if unit == "probability":
        alone = asked(subject.predict, NUMBERS)
    else:
        alone = asked(lambda given: subject.model.decision_function(given), NUMBERS)
    np.testing.assert_allclose(found.values, explain(alone, frame[:40], frame[:25], seed=0).values, atol=1e-6)


def test_gaps_in_numbers_go_to_the_model_as_they_are():
    frame, labels = people()
    frame.loc[::5, "income"] = np.nan
    found = explain(fitted(HistGradientBoostingClassifier(max_iter=20), frame, labels), frame[:40], frame[:25], seed=0)
    assert (found.explainer, found.error) == ("tree", pytest.approx(0, abs=1e-6))


def test_in_a_game_that_two_win_together_each_gets_half_and_the_third_nothing():
    both = asked(lambda given: (given["a"] * given["b"]).to_numpy(float), "abc")
    ones, zeros = (pd.DataFrame(np.full((1, 3), value), columns=list("abc")) for value in (1.0, 0.0))
    found = explain(both, ones, zeros, seed=0)
    np.testing.assert_allclose(found.values, [[0.5, 0.5, 0.0]], atol=1e-12)


def test_many_features_are_put_in_by_walks_both_ways_that_add_up_and_depend_on_the_seed_alone():
    names = [f"x{at}" for at in range(14)]
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 14)), columns=names)
    model = asked(lambda given: 1 / (1 + np.exp(-(given["x0"] * given["x1"] * given["x2"] + given["x3"]))), names)
    np.random.seed(5)
    one, other, third = (explain(model, frame[:8], frame[8:], seed) for seed in (1, 1, 2))
    assert one.explainer == "permutation"
    assert one.error < 1e-9
    assert not one.values[:, 4:].any()
    np.testing.assert_array_equal(one.values, other.values)
    assert (one.values != third.values).any()
    drawn = np.random.random()
    np.random.seed(5)
    assert drawn == np.random.random()


def test_words_and_truth_values_can_be_features_of_a_function():
    frame = pd.DataFrame({"word": ["yes", "no", None, "yes"], "flag": [True, False, True, False], "big": [1e9] * 4})
    frame["big"] += np.arange(4)
    model = asked(
        lambda given: ((given["word"] == "yes") * 0.5 + (given["big"] > 1e9 + 1) * 0.25).to_numpy(float), frame
    )
    found = explain(model, frame, frame, seed=0)
    assert found.error < 1e-12
    np.testing.assert_allclose(found.values[0], [0.25, 0, -0.125], atol=1e-12)


# the technique


def evidence(folder, frame, groups=None, clusters=None, **changes):
    columns = list(frame.columns)
    spec = {
        "audit": "loans", "question": "?", "data": {"source": "loans.csv", "features": columns, "favourable": 1},
        "protected": {"sex": {"column": "sex", "values": {0: "female", 1: "male"}, "reference": "male"}},
        "techniques": {"shap": {}}, **changes,
    }  # fmt: skip
    count = len(frame)
    rows = {name: [None] * count for name in ROWS.names} | {"row": list(range(count)), "cluster": clusters}
    rows["cluster"] = clusters if clusters is not None else [None] * count
    table = pa.table(rows, schema=ROWS)
    for name in columns:
        table = table.append_column(f"data.{name}", pa.Array.from_pandas(frame[name]))
    pq.write_table(table, folder / "rows.parquet")
    groups = np.where(frame["sex"] == 1, "male", "female") if groups is None else groups
    pq.write_table(pa.table({"row": pa.array(range(count), pa.int64()), "sex": groups}), folder / "slices.parquet")
    return Evidence(folder, AuditSpec.model_validate(spec))


def findings(evidence, subject, **options):
    found = run(registry["shap"], evidence, options, subject)
    return {(finding.measure, finding.group): finding for finding in found}


SUBJECTS = {
    "logistic pipeline": lambda frame, labels: fitted(
        make_pipeline(StandardScaler(), LogisticRegression()), frame, labels
    ),
    "boosted trees": lambda frame, labels: fitted(GradientBoostingClassifier(n_estimators=20), frame, labels),
    "function": lambda frame, labels: asked(
        lambda given: 1 / (1 + np.exp(given["debt"] - given["income"] * (given["sex"] + 0.5))), NUMBERS
    ),
}


@pytest.mark.parametrize("kind", SUBJECTS)
def test_contributions_sum_to_the_gap(kind, tmp_path):
    frame, labels = people(120)
    found = findings(evidence(tmp_path, frame[NUMBERS]), SUBJECTS[kind](frame, labels), background=30)
    gap = found["mean_output_gap", "female"]
    parts = [found[f"gap_contribution[{name}]", "female"].value for name in NUMBERS]
    assert sum(parts) == pytest.approx(gap.value, abs=1e-6)
    assert gap.interval.low < gap.value < gap.interval.high
    assert gap.reference == "male"
    assert (gap.n.group, gap.n.reference) == (int((frame["sex"] == 0).sum()), int((frame["sex"] == 1).sum()))
    assert found["additivity_error", ""].value < 1e-6


def test_the_gap_is_the_difference_of_mean_outputs_with_welchs_interval(tmp_path):
    from scipy.stats import ttest_ind

    frame, labels = people(200)
    subject = fitted(LogisticRegression(), frame, labels)
    gap = findings(evidence(tmp_path, frame[NUMBERS]), subject)["mean_output_gap", "female"]
    output = subject.model.decision_function(frame[NUMBERS])
    expected = ttest_ind(output[frame["sex"] == 0], output[frame["sex"] == 1], equal_var=False)
    limits = expected.confidence_interval(0.95)
    assert gap.unit == "log-odds"
    assert (gap.interval.low, gap.interval.high) == pytest.approx((limits.low, limits.high))


def test_a_model_that_does_not_read_sex_gets_no_contribution_of_it_and_a_planted_one_does(tmp_path):
    frame, _ = people(200)
    fair = asked(lambda given: 1 / (1 + np.exp(given["debt"] - given["income"])), NUMBERS)
    planted = asked(lambda given: 1 / (1 + np.exp(given["debt"] - given["income"] - given["sex"])), NUMBERS)
    written = evidence(tmp_path, frame[NUMBERS])
    clean, biased = (findings(written, model, background=20) for model in (fair, planted))
    assert clean["gap_contribution[sex]", "female"].value == 0
    assert clean["mean_output_gap", "female"].interval.high < 0  # through income
    assert biased["gap_contribution[sex]", "female"].interval.high < 0
    assert biased["gap_contribution[sex]", "female"].details == {"feature": "sex", "protected": True}
    assert biased["gap_contribution[debt]", "female"].details["protected"] is False


def test_unknown_and_tiny_groups_are_told_and_not_compared(tmp_path):
    frame, labels = people(100)
    groups = np.where(frame["sex"] == 1, "male", "female").astype(object)
    groups[:5], groups[5] = "(missing)", "diverse"
    found = findings(evidence(tmp_path, frame[NUMBERS], groups), fitted(LogisticRegression(), frame, labels))
    assert "1 rows of diverse" in found["mean_output_gap", "diverse"].missing
    assert ("mean_output_gap", "(missing)") not in found
    assert found["additivity_error", ""].n.group == 95


def test_a_sample_is_the_same_for_the_same_seed_and_sees_small_groups(tmp_path):
    frame, labels = people(400)
    written, subject = evidence(tmp_path, frame[NUMBERS]), fitted(LogisticRegression(), frame, labels)
    first = findings(written, subject, rows=100)
    assert first == findings(written, subject, rows=100)
    assert first["mean_output_gap", "female"].n.group == first["mean_output_gap", "female"].n.reference == 50


def test_rows_of_one_person_are_not_counted_as_independent(tmp_path):
    frame, labels = people(100)
    twice = pd.concat([frame, frame], ignore_index=True)
    data = {"source": "loans.csv", "features": NUMBERS, "favourable": 1, "cluster": "person"}
    written = evidence(tmp_path, twice[NUMBERS], clusters=[str(at % 100) for at in range(200)], data=data)
    subject = fitted(LogisticRegression(), frame, labels)
    gap = findings(written, subject, background=50)["mean_output_gap", "female"]
    (tmp_path / "once").mkdir()
    alone = findings(evidence(tmp_path / "once", frame[NUMBERS]), subject, background=50)["mean_output_gap", "female"]
    assert gap.sufficient["se"] == pytest.approx(alone.sufficient["se"])


def test_a_cluster_that_holds_nearly_all_rows_leaves_no_interval(tmp_path):
    """99 rows of one cluster and one of another are worth 1.02 clusters: Student's interval was ±1e300."""
    frame, labels = people(100)
    first = ~frame["sex"].duplicated()
    clusters = [f"{sex}-{'first' if one else 'rest'}" for sex, one in zip(frame["sex"], first, strict=True)]
    data = {"source": "loans.csv", "features": NUMBERS, "favourable": 1, "cluster": "person"}
    written = evidence(tmp_path, frame[NUMBERS], clusters=clusters, data=data)
    gap = findings(written, fitted(LogisticRegression(), frame, labels), background=50)["mean_output_gap", "female"]
    assert gap.value is not None
    assert gap.interval is None
    assert "worth fewer than two" in gap.details["no_interval"]


def test_an_unknown_attribute_is_refused(tmp_path):
    frame, labels = people(50)
    with pytest.raises(SpecError, match="got 'sexx', which is not one"):
        findings(evidence(tmp_path, frame[NUMBERS]), fitted(LogisticRegression(), frame, labels), attributes=["sexx"])
