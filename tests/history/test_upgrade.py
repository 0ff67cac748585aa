"""A record that an older version began: what it has is found by this one."""

from tests.conftest import ShopFactory
from tests.history.record import run_in

OLD_RUNS = """
import uuid
from django.db import connection
from django.utils import timezone
from health_cli.models import HealthRun
for host, scope in (("web1", "a"), ("web1", "a"), ("web1", "b"), ("web2", "")):
    HealthRun.objects.create(uuid=uuid.uuid4(), host=host, started_at=timezone.now(), duration=1, status="healthy",
                             scope=scope, trigger="command", complete=True, report={"checks": []})
"""
FOUND = """
import json
from health_cli.models import HealthRun, HealthSelection
newest = max(HealthRun.objects.filter(scope="a").values_list("started_at", flat=True))
rows = sorted(HealthSelection.objects.values_list("host", "scope"))
print(json.dumps([rows, HealthSelection.objects.get(scope="a").seen_at == newest]))
"""


def test_the_selections_of_runs_that_are_there_are_known_after_the_migration(shop: ShopFactory) -> None:
    project = shop()
    assert project.manage("migrate", "health_cli", "0003", "--verbosity", "0").code == 0
    run_in(project, OLD_RUNS)
    assert project.manage("migrate", "--verbosity", "0").code == 0
    assert run_in(project, FOUND) == [[["web1", "a"], ["web1", "b"], ["web2", ""]], True]
