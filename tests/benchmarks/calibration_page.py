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
    lines += ["", *_two_groups(document["two_groups"])]
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
    ] or ["None: every aim is met, within what chance explains."]
    return "\n".join(lines) + "\n"


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


def _share(value, digits=1):
    return "" if value is None else f"{100 * value:.{digits}f} %"
