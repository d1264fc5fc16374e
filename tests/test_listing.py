"""What ``evenhand list metrics --crosswalk`` shows."""

import json

from click.testing import CliRunner

from audits.metrics import registry
from flows import cli
from flows.listing import crosswalk, crosswalk_lines


def call(*arguments):
    done = CliRunner().invoke(cli.main, list(arguments))
    return done.exit_code, done.stdout, done.stderr


def test_the_crosswalk_names_every_metric_with_its_sign():
    entries = {entry["name"]: entry for entry in crosswalk()}
    assert set(entries) == set(registry)
    assert entries["selection_rate"]["sign"] == "group − reference, group / reference"
    assert entries["equalized_odds_difference"]["sign"] == "a distance"
    assert entries["equalized_odds_ratio"]["sign"] == "a ratio, the smaller over the larger"
    assert entries["theil_index"]["sign"] == "one number of all groups"
    assert entries["impact_ratio"]["sign"] == "each group among all groups"
    assert entries["average_odds_difference"]["sign"] == "group − reference"
    assert entries["true_negative_rate"]["names"]["clarify"] == "specificity; SD (disadvantaged − advantaged)"
    assert entries["true_positive_rate"]["names"]["clarify"] == "recall; RD (advantaged − disadvantaged)"


def test_the_crosswalk_fits_a_terminal():
    lines = list(crosswalk_lines(crosswalk()))
    assert max(map(len, lines)) <= 100
    assert "── binary ─" in lines[0]
    code, out, _ = call("list", "metrics", "--crosswalk")
    assert code == 0
    assert out.splitlines() == lines


def test_the_crosswalk_is_one_json_document_and_of_metrics_alone():
    code, out, _ = call("list", "metrics", "--crosswalk", "--json")
    assert code == 0
    assert json.loads(out) == crosswalk()
    code, _, err = call("list", "runs", "--crosswalk")
    assert code == 2
    assert "--crosswalk is of metrics: got 'runs'" in err
