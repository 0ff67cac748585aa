"""The range grammar of the monitoring plugins, as tables, as properties, and against nagiosplugin."""

import itertools
import math
import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from nagiosplugin import Range

from health_cli.core.threshold import Threshold
from health_cli.core.units import SUFFIXES

INF = math.inf

# text, the shortest equal form, start, end, inside
RANGES = [
    ("10", "10", 0, 10, False),
    (":10", "10", 0, 10, False),
    ("0:10", "10", 0, 10, False),
    ("+10", "10", 0, 10, False),
    ("010", "10", 0, 10, False),
    ("10.0", "10", 0, 10, False),
    ("10:", "10:", 10, INF, False),
    ("~:10", "~:10", -INF, 10, False),
    ("10:20", "10:20", 10, 20, False),
    ("@10:20", "@10:20", 10, 20, True),
    ("@10", "@10", 0, 10, True),
    ("@10:", "@10:", 10, INF, True),
    ("@~:10", "@~:10", -INF, 10, True),
    ("1:1", "1:1", 1, 1, False),
    ("@1:1", "@1:1", 1, 1, True),
    ("0", "0", 0, 0, False),
    ("-0", "0", 0, 0, False),
    ("0:0", "0", 0, 0, False),
    ("-0.0:0", "0", 0, 0, False),
    ("@0", "@0", 0, 0, True),
    ("0:", "0:", 0, INF, False),
    (":", "0:", 0, INF, False),
    ("@:", "@0:", 0, INF, True),
    ("~:", "~:", -INF, INF, False),
    ("@~:", "@~:", -INF, INF, True),
    ("-20:-10", "-20:-10", -20, -10, False),
    ("-1.50:+1.50", "-1.5:1.5", -1.5, 1.5, False),
    ("-10:0", "-10:0", -10, 0, False),
    ("1.0000001", "1.0000001", 0, 1.0000001, False),
    ("1234567890123456789", "1234567890123456789", 0, 1234567890123456789, False),
    ("9" * 300, "9" * 300, 0, int("9" * 300), False),
]

# text, values that alert, values that do not
VERDICTS = [
    ("10", [-1, -0.001, 10.001, 11, INF, -INF], [0, 5, 10]),
    ("10:", [9.999, 0, -10], [10, 11, INF]),
    ("~:10", [10.001, INF], [10, 0, -100, -INF]),
    ("10:20", [9, 21], [10, 15, 20]),
    ("@10:20", [10, 15, 20], [9.999, 20.001, -15]),
    ("@~:10", [-INF, 0, 10], [10.001, INF]),
    ("@10:", [10, INF], [9.999]),
    ("1:1", [0.999, 1.001], [1]),
    ("@1:1", [1], [0.999, 1.001]),
    ("0", [-1, 1, 0.001], [0, -0.0]),
    ("~:", [], [-INF, 0, INF]),
    ("@~:", [-INF, 0, INF], []),
    ("~:0", [0.001], [0, -1]),
    ("-10.5:-2.5", [-11, -2, 0], [-5.5, -10.5, -2.5]),
    ("9007199254740993", [9007199254740994], [9007199254740993]),
]

REFUSED = {
    "nothing": "",
    "mark alone": "@",
    "two marks": "@@10",
    "mark in the middle": "10:@20",
    "mark behind": "10@",
    "infinite end": "10:~",
    "tilde alone": "~",
    "tilde and number": "~10",
    "minus tilde": "-~:10",
    "three parts": "1:2:3",
    "two colons": "1::",
    "start above end": "20:10",
    "start above zero": "1:0",
    "start above negative": "-1:-2",
    "negative alone": "-5",
    "exponent": "1e3",
    "exponent after a point": "1.0e3",
    "hexadecimal": "0x10",
    "underscore": "1_000",
    "thousands": "1,000",
    "decimal comma": "1,5",
    "point behind": "1.",
    "point alone": ".",
    "two points": "1.2.3",
    "sign alone": "-",
    "two signs": "--5",
    "sign behind": "5-",
    "blank before": " 10",
    "blank behind": "10 ",
    "blank inside": "10: 20",
    "newline": "10\n",
    "tab": "\t10",
    "no-break space": "\u00a010",
    "nul": "10\0",
    "word": "abc",
    "nan": "nan",
    "inf": "inf",
    "inf as end": "0:inf",
    "minus infinity": "-inf:0",
    "Arabic digits": "\u0661\u0660",
    "full-width digits": "\uff11\uff10",
    "superscript": "1\u00b2",
    "full-width colon": "1\uff1a2",
    "minus sign of typographers": "\u22125:5",
    "k": "10k",
    "wrong case": "10gib",
    "minutes are min": "10m",
    "micro sign": "10\u00b5s",
    "suffix apart": "10 s",
    "suffix before": "s10",
    "suffix alone": "s",
    "two suffixes": "10sms",
    "suffixes of two kinds": "10s:20GiB",
    "suffixes of two kinds, one zero": "0s:10GiB",
    "suffix on one end": "10:20s",
    "suffix on the other end": "10s:20",
    "too many digits": "1" * 400,
    "too large": "1" + "0" * 301,
    "too large with a point": "1" * 400 + ".5",
    "too large by its suffix": "1" + "0" * 295 + "TiB",
}

SUFFIXED = [
    ("500ms", "s", 0, 0.5),
    ("100us", "s", 0, 0.0001),
    ("1.5s", "s", 0, 1.5),
    ("2min", "s", 0, 120),
    ("1h:2h", "s", 3600, 7200),
    ("1d", "s", 0, 86_400),
    ("90%", "%", 0, 90),
    ("10%:90%", "%", 10, 90),
    ("1B", "B", 0, 1),
    ("1KB:1KiB", "B", 1000, 1024),
    ("1MB:1MiB", "B", 10**6, 2**20),
    ("1GB:1GiB", "B", 10**9, 2**30),
    ("1TB:1TiB", "B", 10**12, 2**40),
    ("~:10GiB", "B", -INF, 10 * 2**30),
    ("0:10GiB", "B", 0, 10 * 2**30),
    (":10GiB", "B", 0, 10 * 2**30),
    ("10GiB:", "B", 10 * 2**30, INF),
    ("-10GiB:0", "B", -10 * 2**30, 0),
    ("500ms:2min", "s", 0.5, 120),
]


def ranges_of(ends: list[float]) -> list[Threshold]:
    """Every range with these ends."""
    pairs = [(a, b) for a in ends for b in ends if a <= b and a != INF and b != -INF]
    return [Threshold(start, end, inside) for start, end in pairs for inside in (False, True)]


@pytest.mark.parametrize(("text", "short", "start", "end", "inside"), RANGES, ids=[row[0][:20] for row in RANGES])
def test_it_reads_and_writes(text: str, short: str, start: float, end: float, inside: bool) -> None:
    threshold = Threshold.parse(text)
    assert threshold == Threshold(start, end, inside)
    assert str(threshold) == short


@pytest.mark.parametrize(("text", "bad", "good"), VERDICTS, ids=[row[0] for row in VERDICTS])
def test_it_alerts(text: str, bad: list[float], good: list[float]) -> None:
    threshold = Threshold.parse(text)
    assert [value for value in bad + good if threshold.alerts(value)] == bad


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_it_refuses_and_quotes(text: str) -> None:
    with pytest.raises(ValueError, match="is not a threshold") as caught:
        Threshold.parse(text)
    assert f"'{text}'" in str(caught.value)
    assert "10:20" in str(caught.value), "it shows what is allowed"


@pytest.mark.parametrize(("text", "unit", "start", "end"), SUFFIXED, ids=[row[0] for row in SUFFIXED])
def test_a_suffix_turns_into_base_units(text: str, unit: str, start: float, end: float) -> None:
    threshold = Threshold.parse(text, unit)
    assert threshold == Threshold.parse(text) == Threshold(start, end)
    assert not any(letter in str(threshold) for letter in "sBmhd%")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_suffix_goes_with_its_own_unit_only(suffix: str) -> None:
    family = SUFFIXES[suffix][0]
    assert Threshold.parse(f"1{suffix}", family).end > 0
    for unit in {"s", "B", "%", "c", "", "orders"} - {family}:
        with pytest.raises(ValueError, match="does not go with a value in"):
            Threshold.parse(f"1{suffix}", unit)


@pytest.mark.parametrize(
    ("start", "end"),
    [(math.nan, 1), (0, math.nan), (2, 1), (INF, INF), (-INF, -INF)],
    ids=["nan start", "nan end", "reversed", "from infinity", "to minus infinity"],
)
def test_no_range_can_be_built_of_impossible_ends(start: float, end: float) -> None:
    with pytest.raises(ValueError, match=r"nan|above"):
        Threshold(start, end)


@pytest.mark.parametrize("text", ["10", "@10:20", "~:", "@~:"])
def test_nan_is_no_value_to_judge(text: str) -> None:
    with pytest.raises(ValueError, match="nan is not a measured value"):
        Threshold.parse(text).alerts(math.nan)


@pytest.mark.parametrize(
    ("critical", "warning", "hidden"),
    [
        ("95", "90", False),
        ("95", "95", True),
        ("90", "95", True),
        ("~:95", "~:90", False),
        ("~:90", "~:95", True),
        ("10:", "20:", False),
        ("20:", "10:", True),
        ("10:20", "12:18", False),
        ("12:18", "10:20", True),
        ("@10:20", "@5:25", False),
        ("@5:25", "@10:20", True),
        ("10", "@11:20", True),
        ("10", "@5:20", False),
        ("@~:5", "6:", False),
        ("@~:5", "5:", True),
        ("@~:", "10", True),
        ("@~:", "~:", False),
        ("10", "~:", False),
        ("~:", "10", False),
    ],
)
def test_a_critical_range_may_hide_a_warning(critical: str, warning: str, hidden: bool) -> None:
    assert Threshold.parse(critical).hides(Threshold.parse(warning)) is hidden


def test_hides_means_that_no_value_is_left_to_warn_of() -> None:
    values = [number / 4 for number in range(-20, 21)]
    ranges = ranges_of([-INF, -2, 0, 1, 2, INF])
    for critical, warning in itertools.product(ranges, ranges):
        left = any(warning.alerts(value) and not critical.alerts(value) for value in values)
        expected = not left and not warning.never
        assert critical.hides(warning) is expected, f"critical {critical}, warning {warning}"


@pytest.mark.parametrize(
    ("text", "unit", "words"),
    [
        ("95", "%", "above 95 %"),
        ("~:95", "%", "above 95 %"),
        ("10:", "", "below 10"),
        ("0:", "", "below 0"),
        ("10:20", "", "outside 10 to 20"),
        ("-5:5", "", "outside -5 to 5"),
        ("@10:20", "", "from 10 to 20"),
        ("@10:", "", "at 10 or above"),
        ("@~:10", "", "at 10 or below"),
        ("0", "", "other than 0"),
        ("1:1", "", "other than 1"),
        ("~:", "", "never"),
        ("@~:", "", "always"),
        ("0.5", "s", "above 500 ms"),
        ("~:1GiB", "B", "above 1 GiB"),
        ("100", "orders", "above 100 orders"),
    ],
)
def test_it_says_in_words_when_it_alerts(text: str, unit: str, words: str) -> None:
    assert Threshold.parse(text).describe(unit) == words


# Properties

_DIGITS = st.text("0123456789", min_size=1, max_size=8)
_NUMBER = st.builds(
    lambda sign, whole, part: sign + whole + part,
    st.sampled_from(["", "+", "-"]),
    _DIGITS,
    st.just("") | _DIGITS.map(lambda digits: f".{digits}"),
)
_FINITE = st.integers(-(10**30), 10**30) | st.floats(-1e299, 1e299)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A text of the grammar, without suffixes."""
    first, second = sorted([draw(_NUMBER), draw(_NUMBER)], key=float)
    body = draw(st.sampled_from(["{b}", ":{b}", "0:{b}", "{a}:", "~:{b}", "{a}:{b}", ":", "0:", "~:"]))
    text = draw(st.sampled_from(["", "@"])) + body.format(a=first, b=second)
    assume("a}" in body or "~" in body or float(second) >= 0)
    return text


@st.composite
def thresholds(draw: st.DrawFn) -> Threshold:
    """A range of any two numbers."""
    start, end = sorted([draw(_FINITE), draw(_FINITE)])
    return Threshold(
        draw(st.sampled_from([start, -INF])), draw(st.sampled_from([end, INF])), inside=draw(st.booleans())
    )


@settings(deadline=None)
@given(thresholds())
@example(Threshold(5e-324, 1e299))
@example(Threshold(0.1, 1e22))
@example(Threshold(2**-24, 1))
def test_what_it_writes_it_reads_back(threshold: Threshold) -> None:
    assert Threshold.parse(str(threshold)) == threshold
    assert set(str(threshold)) <= set("0123456789.:~@-"), "no exponent, no blank, no plus"


@settings(deadline=None)
@given(texts())
def test_it_writes_nothing_longer_than_an_equal_text(text: str) -> None:
    written = str(Threshold.parse(text))
    # `0:` keeps its zero, since Monitoring::Plugin refuses a bare colon; so does 0.5, for people.
    shortest = re.sub(r"(?<![0-9])0\.", ".", written)
    assert len(shortest) <= len(text) or text in {":", "@:"}


@pytest.mark.parametrize(("text", "short"), [("0.5", ".5"), ("-0.5:0.25", "-.5:.25"), ("@0.5:", "@.5:")])
def test_the_zero_before_a_point_is_kept(text: str, short: str) -> None:
    assert Threshold.parse(short) == Threshold.parse(text), "both are in the grammar"
    assert str(Threshold.parse(short)) == text, "the one that people read is written"


# nagiosplugin as an oracle: written by others, from the same guidelines.


@settings(deadline=None)
@given(texts(), st.integers(-(10**9), 10**9) | st.floats(allow_nan=False))
def test_it_judges_as_nagiosplugin_does(text: str, value: float) -> None:
    ours, theirs = Threshold.parse(text), Range(text.removeprefix("@") and text)
    at_the_ends = [end for end in (ours.start, ours.end) if math.isfinite(end)]
    for number in [value, *at_the_ends]:
        assert ours.alerts(number) is not theirs.match(number), f"{text} with {number}"
    assert (ours.start, ours.end, ours.inside) == (theirs.start, theirs.end, theirs.invert)


@settings(deadline=None)
@given(st.text("0123456789.:@~+-", max_size=9))
def test_it_refuses_what_nagiosplugin_refuses(text: str) -> None:
    try:
        Range(text)
    except ValueError:
        with pytest.raises(ValueError, match="is not a threshold"):
            Threshold.parse(text)
    else:
        # Named below: nothing at all, and a number that ends in a point.
        lax = text in {"", "@"} or any(end.endswith(".") for end in text.split(":"))
        assert lax or Threshold.parse(text)


@settings(deadline=None)
@given(thresholds())
def test_nagiosplugin_reads_what_it_writes(threshold: Threshold) -> None:
    theirs = Range(str(threshold))
    assert (threshold.start, threshold.end, threshold.inside) == (theirs.start, theirs.end, theirs.invert)


@pytest.mark.parametrize(
    "text",
    ["1_000", "\u0661\u0660", "\uff11\uff10", " 10", "10\n", "10 : 20", "1.0e3", "1.", "~:1.5e300", "@", "", "9" * 302],
    ids=[
        "underscore", "Arabic digits", "full-width digits", "blank", "newline", "blanks at the colon",
        "exponent after a point", "point behind", "exponent in the end", "mark alone", "nothing", "too large",
    ],
)  # fmt: skip
def test_nagiosplugin_accepts_it_and_we_refuse(text: str) -> None:
    assert Range(text)
    with pytest.raises(ValueError, match="is not a threshold"):
        Threshold.parse(text)


def test_nagiosplugin_takes_nan_for_healthy_and_we_refuse() -> None:
    assert Range("10").match(math.nan)
    with pytest.raises(ValueError, match="nan"):
        Threshold.parse("10").alerts(math.nan)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nagiosplugin_knows_no_suffix_and_we_do(suffix: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Range(f"10{suffix}")
    assert Threshold.parse(f"10{suffix}")


def test_nagiosplugin_writes_nothing_for_zero_and_above_and_we_write_it() -> None:
    assert str(Range("0:")) == ""
    assert str(Threshold.parse("0:")) == "0:"


def test_nagiosplugin_keeps_a_needless_fraction_and_we_drop_it() -> None:
    assert str(Range("10.0")) == "10.0"
    assert str(Threshold.parse("10.0")) == "10"


def test_nagiosplugin_writes_exponents_that_it_can_not_read_and_we_do_not() -> None:
    written = str(Range("0.0000001"))
    with pytest.raises(ValueError, match="invalid literal"):
        Range(written)
    assert "e" not in str(Threshold.parse("0.0000001"))
