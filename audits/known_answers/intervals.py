"""Intervals of rates, differences, ratios and paired differences."""

from __future__ import annotations

from audits.known_answers import Known
from audits.statistics import critical, interval

Z = critical(0.95)
_TWO = ("x1", "n1", "x2", "n2")


def _rate(method: str, x: int, n: int) -> tuple[float, float | None]:
    return interval(method, {"x": x, "n": n}, Z)


def _two(method: str, *counts: int) -> tuple[float, float | None]:
    return interval(method, dict(zip(_TWO, counts, strict=True)), Z)


def _flips(method: str, b: int, c: int, n: int, level: float = 0.95) -> tuple[float, float | None]:
    return interval(method, {"b": b, "c": c, "n": n}, critical(level))


ONE = "a case of Newcombe 1998, Statistics in Medicine 17:857"
TWO = "a case of Newcombe 1998, Statistics in Medicine 17:873"
FAGERLAND = "Fagerland, Lydersen, Laake 2015, Statistical Methods in Medical Research 24:224; R package PropCIs"
BENTUR = "airway data of Bentur, in Fagerland, Lydersen, Laake 2013, BMC Medical Research Methodology 13:91"
KOOPMAN = "Nam 1995, Biometrics 51:1451, quoted in the tests of statsmodels"

KNOWN = (
    Known("Wilson, 81 of 263", ONE, "0.2553, 0.3662", lambda: _rate("wilson", 81, 263)),
    Known("Wilson, 15 of 148", ONE, "0.0624, 0.1605", lambda: _rate("wilson", 15, 148)),
    Known("Wilson, 0 of 20", ONE, "0.0000, 0.1611", lambda: _rate("wilson", 0, 20)),
    Known("Clopper–Pearson, 81 of 263", ONE, "0.2527, 0.3676", lambda: _rate("clopper-pearson", 81, 263)),
    Known("Clopper–Pearson, 1 of 29", ONE, "0.0009, 0.1776", lambda: _rate("clopper-pearson", 1, 29)),
    Known("mid-p interval, 81 of 263", ONE, "0.2544, 0.3658", lambda: _rate("mid-p", 81, 263)),
    Known("Newcombe, 56/70 − 48/80", TWO, "0.0524, 0.3339", lambda: _two("newcombe", 56, 70, 48, 80)),
    Known("Newcombe, 9/10 − 3/10", TWO, "0.1705, 0.8090", lambda: _two("newcombe", 9, 10, 3, 10)),
    Known("Newcombe, 0/10 − 0/20", TWO, "-0.1611, 0.2775", lambda: _two("newcombe", 0, 10, 0, 20)),
    Known("Mee, 56/70 − 48/80", TWO, "0.0533, 0.3377", lambda: _two("mee", 56, 70, 48, 80)),
    Known(
        "Miettinen–Nurminen, 56/70 − 48/80", TWO, "0.0528, 0.3382", lambda: _two("miettinen-nurminen", 56, 70, 48, 80)
    ),
    Known(
        "Miettinen–Nurminen, 7/34 − 1/34",
        FAGERLAND,
        "0.0270416, 0.3452912",
        lambda: _two("miettinen-nurminen", 7, 34, 1, 34),
    ),
    Known(
        "Agresti–Caffo, 7/34 − 1/34", FAGERLAND, "0.01161167, 0.32172166", lambda: _two("agresti-caffo", 7, 34, 1, 34)
    ),
    Known("Koopman, 36/40 over 16/80", KOOPMAN, "2.940, 7.152", lambda: _two("koopman", 36, 40, 16, 80)),
    Known("Koopman, 7/34 over 1/34", FAGERLAND, "1.22, 42.58", lambda: _two("koopman", 7, 34, 1, 34)),
    Known("Tango, 1 and 7 flips of 21", BENTUR, "-0.5172, -0.0260", lambda: _flips("tango", 1, 7, 21)),
    Known("Bonett–Price, 1 and 7 flips of 21", BENTUR, "-0.5084, -0.0134", lambda: _flips("bonett-price", 1, 7, 21)),
    Known(
        "Tango, 0 and 1 flips of 44",
        "Tango 1998, Statistics in Medicine 17:891",
        "-0.0957, 0.0365",
        lambda: _flips("tango", 0, 1, 44, 0.9),
    ),
)
