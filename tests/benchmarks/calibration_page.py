"""The page that the calibration writes for people."""

from __future__ import annotations


def markdown(document):
    """The summary for people."""
    lines = [
        "# Calibration: how often a verdict is wrong",
        "",
        f"Evenhand {document['evenhand']}, {document['date']}, seed {document['seed']}, level "
        f"{100 * document['level']:g} %. Written by `python tests/benchmarks/calibration.py`; "
        f"{document['same_as_judge']} draws were judged by `audits.verdict.judge` too, all alike.",
        "",
        f"Aims: wrong FAIL at most {document['aims']['wrong_fail']:.1%}, wrong PASS at most "
        f"{document['aims']['wrong_pass']:.1%}, coverage at least {document['aims']['coverage']:.1%}. A FAIL is wrong "
        "where the limit holds (exactly at the limit too), a PASS where the disparity is at the limit or beyond. Each "
        "rate is that of the worst case, drawn again afresh; *small* tells of groups of 10 to 100 rows, below the size "
        "that the aims are for.",
        "",
        "| path | method | worst wrong FAIL | small | worst wrong PASS | small | mean right PASS | mean right FAIL "
        "| mean INCONCLUSIVE |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for path, result in document["paths"].items():
        for at, (method, told) in enumerate(result["methods"].items()):
            name = "gate on the point estimate" if method == "point" else method + (" (the rule)" if at == 0 else "")
            worst = ("wrong_fail", "wrong_fail_small", "wrong_pass", "wrong_pass_small")
            cells = [_share(told.get(key, {}).get("rate")) for key in worst]
            cells += [_share(told.get(f"mean_{key}")) for key in ("right_pass", "right_fail", "inconclusive")]
            lines.append(f"| {path} | {name} | {' | '.join(cells)} |")
    lines += ["", "## The worst cases of the rule", ""]
    for path, result in document["paths"].items():
        method, told = next(iter(result["methods"].items()))
        for key, name in (("wrong_fail", "wrong FAIL"), ("wrong_pass", "wrong PASS")):
            if key in told:
                lines.append(f"- {path}, {name} {_share(told[key]['rate'])}: {told[key]['case']}")
    lines += ["", *_two_groups(document["two_groups"]), "", *_proxy_bounds(document["proxy_bounds"])]
    lines += [
        "",
        "## Coverage of published intervals",
        "",
        "| path | interval | mean | least | where |",
        "|---|---|---|---|---|",
    ]
    for path, result in document["paths"].items():
        for method, told in result["coverage"].items():
            least = told["least"]
            lines.append(f"| {path} | {method} | {_share(told['mean'])} | {_share(least['rate'])} | {least['case']} |")
    lines += _resampled(document)
    lines += [
        "",
        "## A gate on fairlearn's bootstrap of the range",
        "",
        "Base rate 0.3, limit 0.1; percentile interval of largest minus smallest, 200 replicates, from counts "
        f"(at most {document['fairlearn']['furthest_from_real']:g} away from `difference_ci` itself).",
        "",
        "| groups | n each | true gap | it covers the truth | it blocks | it passes | point gate blocks | we block "
        "| we pass |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in document["fairlearn"]["cases"]:
        cells = [_share(one[key]) for key in ("covers_truth", "fail", "pass", "point_fail", "ours_fail", "ours_pass")]
        lines.append(f"| {one['groups']} | {one['n']} | {one['gap']:g} | {' | '.join(cells)} |")
    lines += ["", "## Shortfalls", ""]
    lines += [
        f"- {one['path']}, {one['method']}: {one['what'].replace('_', ' ')} {_share(one['rate'])} "
        f"(aim {_share(one['aim'])}): {one['case']}"
        for one in document["shortfalls"]
    ]
    lines += _uncovered(document)
    if lines[-1] == "":
        lines += ["None: every aim is met, within what chance explains."]
    return "\n".join(lines) + "\n"


def _resampled(document):
    """The least coverage of each kind of interval from resampled rows, by task and size of the groups."""
    rows = document.get("intervals", [])
    if not rows:
        return []
    sizes = sorted({row["n"] for row in rows})
    lines = [
        "",
        "## Coverage of intervals from resampled rows",
        "",
        "Every metric whose interval comes from resampled rows (`python tests/benchmarks/coverage.py`), in groups of "
        f"{', '.join(map(str, sizes[:-1]))} and {sizes[-1]} rows or lists: base rates of 5 % to 50 %, normal, "
        "exponential, Laplace and lognormal errors. The least coverage of a task's metrics over these populations, "
        "with its metric; of few draws, so that the least of many lies some 2 points too low. Each by itself: "
        "[coverage.json](coverage.json).",
        "",
        "| task | of | metrics | " + " | ".join(f"{n} rows" for n in sizes) + " |",
        "|---|---|---|" + "---|" * len(sizes),
    ]
    for task, kind in sorted({(row["task"], row["kind"]) for row in rows}):
        own = [row for row in rows if (row["task"], row["kind"]) == (task, kind)]
        cells = []
        for n in sizes:
            seen = [row for row in own if row["n"] == n and row["draws"] >= 50]
            worst = min(seen, key=lambda row: row["covers"], default=None)
            cells.append(f"{_share(worst['covers'])} {worst['metric']}" if worst else "")
        lines.append(f"| {task} | {kind} | {len({row['metric'] for row in own})} | {' | '.join(cells)} |")
    return lines


def _uncovered(document):
    """The metrics whose intervals hold the truth less often than the aim, by more than chance explains."""
    aim, missed = document["aims"]["coverage"], {}
    for row in document.get("intervals", []):
        noise = 2 * (row["covers"] * (1 - row["covers"]) / row["draws"]) ** 0.5
        if row["draws"] >= 50 and row["covers"] + noise < aim:
            missed.setdefault((row["task"], row["metric"], row["kind"]), []).append(row)
    return [
        f"- {task}, {metric}, {kind}: coverage (aim {_share(aim)}) "
        + "; ".join(f"{_share(row['covers'])} of {row['n']} ({row['law']})" for row in rows)
        for (task, metric, kind), rows in missed.items()
    ]


def _two_groups(document):
    lines = [
        "## Two groups, exactly",
        "",
        "Every table of two groups of 50 to 1,000 rows at the limit, the reference's rate from 2 % to 80 %, with its "
        "probability: nothing is simulated. *Missed* is the share of the cases above the aim.",
        "",
        "| path: method | worst wrong FAIL | where | missed | worst wrong PASS | where | missed |",
        "|---|---|---|---|---|---|---|",
    ]
    for method, told in document.items():
        sides = [
            f"{_share(told[key]['rate'], 2)} | {told[key]['case']} | {_share(told[key]['missed'])}"
            for key in ("wrong_fail", "wrong_pass")
        ]
        lines.append(f"| {method} | {' | '.join(sides)} |")
    return lines


def _proxy_bounds(cases):
    lines = [
        "## Bounds of groups known as probabilities",
        "",
        "Equal groups and a limit of 0 on their difference: how often the bounds (`proxy_bounds`) lie wholly beyond "
        "it, whichever group is ahead (the level allows 5 %). *Sure* is the probability of the group that a row is "
        "likeliest of. Where it is 1 the bounds are an interval of the groups themselves; where it is less, what is "
        "not known of the groups keeps them from the limit.",
        "",
        "| groups | rows | rate | sure | wrong FAIL | draws |",
        "|---|---|---|---|---|---|",
    ]
    for one in cases:
        cells = [f"{one['rate']:g}", _share(one["sure"], 0), _share(one["wrong_fail"]), f"{one['draws']:,}"]
        lines.append(f"| {one['groups']} | {one['rows']} | {' | '.join(cells)} |")
    return lines


def _share(value, digits=1):
    return "" if value is None else f"{100 * value:.{digits}f} %"
