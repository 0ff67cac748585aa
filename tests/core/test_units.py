"""Numbers for machines (fixed point) and for people."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from health_cli.core.units import SUFFIXES, fixed_point, humanize


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (1, "1"),
        (1.0, "1"),
        (-2.50, "-2.5"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (1.5e-7, "0.00000015"),
        (-1.25e-10, "-0.000000000125"),
        (2**-24, "0.00000005960464477539063"),
        (1e16, "10000000000000000"),
        (1.5e17, "150000000000000000"),
        (10**30, "1" + "0" * 30),
        (12345678901234567890, "12345678901234567890"),
    ],
)
def test_fixed_point(number: float, text: str) -> None:
    assert fixed_point(number) == text


@settings(deadline=None)
@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_fixed_point_reads_back_as_itself(number: float) -> None:
    text = fixed_point(number)
    assert type(number)(text) == number
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]*[1-9])?", text), "no exponent, no needless zero"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "B", "0 B"),
        (1023, "B", "1,023 B"),
        (1024, "B", "1 KiB"),
        (1536, "B", "1.5 KiB"),
        (-1536, "B", "-1.5 KiB"),
        (1.2 * 2**30, "B", "1.2 GiB"),
        (5.5 * 2**40, "B", "5.5 TiB"),
        (0, "s", "0 s"),
        (0.000012, "s", "12 us"),
        (0.0123, "s", "12.3 ms"),
        (0.5, "s", "500 ms"),
        (0.9997, "s", "1 s"),
        (1.5, "s", "1.5 s"),
        (119, "s", "119 s"),
        (600, "s", "10 min"),
        (10_800, "s", "3 h"),
        (259_200, "s", "3 d"),
        (-0.5, "s", "-500 ms"),
        (96.24, "%", "96.2 %"),
        (100, "%", "100 %"),
        (0.5, "%", "0.5 %"),
        (1234, "orders", "1,234 orders"),
        (1234.0, "", "1,234"),
        (1234.56, "", "1,234.6"),
        (99, "c", "99"),
    ],
)
def test_humanize(value: float, unit: str, text: str) -> None:
    assert humanize(value, unit) == text


@settings(deadline=None)
@given(st.floats(1e-6, 1e6), st.sampled_from(["s", "B"]))
def test_people_get_no_exponents(value: float, unit: str) -> None:
    assert "e" not in humanize(value, unit)


@settings(deadline=None)
@given(st.floats(1e-3, 9e14), st.sampled_from(["s", "B"]))
def test_what_people_read_is_what_was_measured(value: float, unit: str) -> None:
    number, suffix = humanize(value, unit).replace(",", "").split()
    _, times, over = SUFFIXES[suffix]
    # Half of the smallest step that is shown, and bytes are cut to whole ones.
    assert float(number) * times / over == pytest.approx(value, rel=0.26, abs=1)
