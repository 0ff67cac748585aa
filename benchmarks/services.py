"""The services that both sides look at: MariaDB, Redis, and two Celery workers of the shop."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.brokers import CeleryWorker
from tests.servers import MariaDB, Redis

ROOT = Path(__file__).resolve().parent.parent
SHOP = ROOT / "examples" / "shop"
BIN = ROOT / ".venv-bench" / "bin"


@contextmanager
def services(folder: Path) -> Iterator[dict[str, str]]:
    """Start all of them; yield the environment that points the shop to them."""
    with ExitStack() as stack:
        mariadb = MariaDB(folder / "mariadb").start()
        stack.callback(mariadb.stop)
        redis = Redis(folder / "redis").start()
        stack.callback(redis.stop)
        for name in ("one", "two"):
            worker = CeleryWorker(folder / name, redis.url(), queues=("orders", "emails"), name=name).start()
            stack.callback(worker.stop)
        yield environment(
            SHOP_STATE=str(folder),
            SHOP_DATABASES=json.dumps({"default": mariadb.settings()}),
            SHOP_CACHES=json.dumps({"default": redis.settings()}),
            CELERY_BROKER_URL=redis.url(),
            DJANGO_SETTINGS_MODULE="shop.settings",
            PYTHONPATH=os.pathsep.join([str(SHOP), str(ROOT / "benchmarks")]),
        )


def environment(**changes: str) -> dict[str, str]:
    """Return what a command gets: nothing that would keep Python from storing the modules that it compiles."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": os.environ.get("HOME", "/"), **changes}
