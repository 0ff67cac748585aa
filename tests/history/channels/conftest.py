"""Fixtures: each test begins with channels that nothing is under way to."""

import pytest

from health_cli.history import channels


@pytest.fixture(autouse=True)
def nothing_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "_late", {})
