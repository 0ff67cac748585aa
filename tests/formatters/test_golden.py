"""Every format, byte for byte as it was when somebody last read it."""

import pytest

from tests.formatters.regenerate import CASES, GOLDEN, render


@pytest.mark.parametrize("case", CASES)
def test_output_is_the_golden_one(case: str) -> None:
    assert render(case).decode() == (GOLDEN / case).read_bytes().decode()


def test_there_is_no_golden_file_without_a_case() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(CASES)
