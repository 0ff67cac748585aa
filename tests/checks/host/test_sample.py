"""Two readings and the time between them: the first is taken early where somebody does."""

import os
import time
from collections.abc import Iterator

import pytest

from health_cli.checks.host import sample as module
from health_cli.checks.host.sample import begin, ours, sample


@pytest.fixture(autouse=True)
def nothing_begun() -> Iterator[None]:
    module._begun.clear()
    yield
    module._begun.clear()


def seconds_for(seconds: float, **how: bool) -> tuple[float, float]:
    """Return how long a sample took, and over what time it was."""
    began = time.monotonic()
    first, second = sample(seconds, **how)
    return time.monotonic() - began, second.at - first.at


def test_without_a_beginning_the_whole_sample_is_waited_for() -> None:
    took, span = seconds_for(0.05)
    assert took >= span >= 0.05


def test_what_has_passed_since_the_beginning_is_not_waited_for() -> None:
    begin()
    time.sleep(0.2)
    took, span = seconds_for(0.2)
    assert span >= 0.2 > took


def test_the_rest_is_waited_for() -> None:
    begin()
    _, span = seconds_for(0.1)
    assert span >= 0.1


def test_a_beginning_long_ago_or_unwanted_does_not_count() -> None:
    begin()
    time.sleep(0.11)
    assert seconds_for(0.01)[1] < 0.11
    took, span = seconds_for(0.05, anew=True)
    assert took >= span >= 0.05


def test_the_work_of_both_processes_is_ours() -> None:
    begin()
    deadline = time.process_time() + 0.05
    while time.process_time() < deadline:
        pass
    first, second = sample(0.05)
    assert ours(first, second) == pytest.approx(second.process_time - first.process_time)
    in_child = first._replace(pid=os.getppid(), process_time=0.0)
    assert ours(in_child, second) >= second.process_time
