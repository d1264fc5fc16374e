"""Balance of the data as the Responsible AI Toolbox tests it, and where its code is not what its own tests expect."""

import numpy as np
import pytest
from columned import found
from counted import labels, number, numbers
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon
from tables import write_evidence

from audits.findings import MISSING_GROUP

# microsoft/responsible-ai-toolbox-mitigations, test/databalanceanalysis: nine rows in three groups, and of the positive
# ones two of the first four, one of the next three, none of the last two
RAI = labels([[2, 2], [2, 1], [2, 0]])
N, GROUP, POSITIVE, BOTH = 9, np.array([4, 3, 2]) / 9, 3 / 9, np.array([2, 1, 0]) / 9


def test_distances_and_indices_of_group_sizes_are_those_of_the_toolbox():
    assert number("group_size_kl_divergence", RAI) == pytest.approx(0.03775534151008829)
    assert number("group_size_js_distance", RAI) == pytest.approx(0.09785224086736323)
    assert number("group_size_linf_distance", RAI) == pytest.approx(0.1111111111111111)
    assert number("group_size_total_variation", RAI) == pytest.approx(0.1111111111111111)
    assert number("group_size_total_variation", RAI) * 2 / 3 == pytest.approx(0.07407407407407407)  # Wasserstein
    assert number("group_size_chi_squared", RAI) == pytest.approx(0.6666666666666666)
    assert number("group_size_atkinson_index", RAI) == pytest.approx(0.03850028646172776)
    assert number("group_size_theil_l_index", RAI) == pytest.approx(0.039261011885461196)


def test_associations_with_the_label_are_those_of_the_toolbox_as_differences_of_two_groups():
    ratio = numbers("log_likelihood_ratio", RAI)
    assert ratio[0] - ratio[1] == pytest.approx(0.6931471805599454)
    assert ratio[2] is None  # none of it is positive: minus infinity
    t = numbers("association_t_statistic", RAI)
    assert t[0] - t[1] == pytest.approx(0.19245008972987523)  # what its test names and does not check
    dice, jaccard = numbers("dice_coefficient", RAI), numbers("membership_jaccard_index", RAI)
    assert (dice[0] - dice[1]) / 2 == pytest.approx(0.1190476190476191)
    assert jaccard[0] - jaccard[1] == pytest.approx(0.2)


def test_the_toolboxs_code_takes_other_numbers_for_t_for_kendall_and_for_cross_entropy():
    theirs = (POSITIVE - GROUP * POSITIVE) / np.sqrt(GROUP * POSITIVE)  # p(label) in the place of p(group, label)
    assert theirs[0] - theirs[1] == pytest.approx(-0.1855, abs=5e-5)
    square = N**2 * (1 - 2 * GROUP - 2 * POSITIVE + 2 * BOTH + 2 * POSITIVE * GROUP)
    single = N * (2 * GROUP + 2 * POSITIVE - 4 * BOTH - 1)
    kendall = (square + single) / (N**2 * np.sqrt((GROUP - GROUP**2) * (POSITIVE - POSITIVE**2)))
    assert kendall[0] - kendall[1] == pytest.approx(0.18801108758923135)
    assert kendall[1] == pytest.approx(4 / 9)  # a third of this group is positive, as of all rows
    assert numbers("membership_correlation", RAI)[1] == pytest.approx(0)
    cross = -(np.log(GROUP) / 3).sum()
    assert number("group_size_theil_l_index", RAI) + np.log(3) == pytest.approx(cross)
    assert -(1 / 3 + np.log2(GROUP)).sum() != pytest.approx(cross / np.log(2), abs=1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=6))
def test_sizes_are_measured_as_scipy_does(sizes):
    ours, even = labels([[one, 0] for one in sizes]), np.full(len(sizes), 1 / len(sizes))
    share = np.array(sizes) / sum(sizes)
    assert number("group_size_chi_squared", ours) == pytest.approx(stats.chisquare(sizes).statistic, abs=1e-9)
    assert number("group_size_js_distance", ours) == pytest.approx(jensenshannon(share, even), abs=1e-7)
    assert number("group_size_theil_l_index", ours) == pytest.approx(stats.entropy(even, share), abs=1e-12)
    earth = stats.wasserstein_distance(share, even)
    assert number("group_size_total_variation", ours) * 2 / len(sizes) == pytest.approx(earth, abs=1e-12)
    theil = -np.log(1 - number("group_size_atkinson_index", ours))
    assert number("group_size_theil_l_index", ours) == pytest.approx(theil, abs=1e-12)


def test_a_group_without_rows_has_no_theil_l_index_and_the_others_have_their_number():
    ours = labels([[3, 5], [0, 0]])
    assert number("group_size_theil_l_index", ours) is None
    assert number("group_size_chi_squared", ours) == 8
    assert number("group_size_js_distance", ours) == pytest.approx(jensenshannon([1, 0], [0.5, 0.5]))
    alone = labels([[3, 5]])
    for name in ("group_size_theil_l_index", "group_size_chi_squared", "group_size_js_distance"):
        assert number(name, alone) is None


def test_chi_squared_alone_is_held_to_chance_and_unequal_sizes_are_found(tmp_path):
    def told(name, sizes, **more):
        group = [one for one, size in zip(["a", "b", "c", MISSING_GROUP], sizes, strict=True) for _ in range(size)]
        evidence = write_evidence(tmp_path / name, {"group": group}, label=[0, 1] * (len(group) // 2), **more)
        return found(evidence, "data_balance")["group_size_chi_squared/group/-/-/whole"]

    even, uneven = told("even", [64, 70, 66, 100]), told("uneven", [100, 70, 30, 100])
    assert even.value == pytest.approx(stats.chisquare([64, 70, 66]).statistic)
    assert even.p == pytest.approx(stats.chisquare([64, 70, 66]).pvalue, abs=0.04)
    assert even.details["by_chance"] == pytest.approx(2, abs=0.2)  # degrees of freedom
    assert uneven.p < 0.01
    doubled = told("clusters", [100, 70, 30, 100], cluster=[str(at // 50) for at in range(300)])
    assert doubled.p > 0.2  # six clusters are six rows
    assert doubled.value == pytest.approx(uneven.value)
