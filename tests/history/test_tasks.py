"""The Celery task, in real workers of each pool."""

import pytest

from tests.brokers import sender
from tests.conftest import Shop, ShopFactory, WorkerFactory
from tests.history.record import migrate
from tests.history.rows import rows
from tests.servers import Redis, wait_until


@pytest.mark.parametrize("pool", ["solo", "prefork", "threads"])
def test_a_worker_runs_and_records(redis_server: Redis, worker: WorkerFactory, shop: ShopFactory, pool: str) -> None:
    place: Shop = migrate(shop(setting={"TIMEOUT": 8}))
    url = redis_server.url(5)
    worker(url, pool=pool, env={**place.env, "CELERY_BROKER_URL": url})
    with sender(url) as app:
        app.send_task("health_cli.run_checks", ("host.load", "host.memory"), queue="orders")
        wait_until(lambda: rows(place, "HealthRun", "uuid"), "the recorded run", limit=20)
    report = place.health("last", "-f", "json").report
    assert report["isolation"] == "threads"
    assert {check["name"] for check in report["checks"]} == {"host.load", "host.memory"}
    assert rows(place, "HealthRun", "trigger", "status") == [["task", "healthy"]]
