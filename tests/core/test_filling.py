"""What fills up, by its name."""

import pytest

from health_cli.core.filling import fills


@pytest.mark.parametrize(
    ("check", "metric", "known"),
    [
        ("host.disk:/", "used_percent", True),
        ("host.disk:/", "inodes_used_percent", True),
        ("host.memory", "used_percent", True),
        ("database:default", "database_size", True),
        ("cache:default", "used_memory", True),
        ("shop.storage", "used", True),
        ("host.cpu", "used_percent", False),
        ("database:default", "query_time", False),
        ("database:default", "connections_used_percent", False),
        ("database:default", "duration", False),
    ],
)
def test_what_fills(check: str, metric: str, known: bool) -> None:
    assert fills(check, metric) is known
