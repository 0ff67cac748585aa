"""What the counting middleware costs: a request in this process, and the throughput of a trivial view under gunicorn.

`python -m benchmarks.api` asks two gunicorns in turn with ApacheBench, one with the middleware and one without, and
then times the middleware's own part of a request. A missed aim fails nothing; an error does.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.services import ROOT
from tests.servers import Process, Redis, free_port, program

ROUNDS, REQUESTS, AT_ONCE = 40, 2_000, 8
LOST, COST = 5.0, 150e-6  # percent of the throughput, and seconds of a request, that it may take at the most

ONE = """
import django, json, sys, time
django.setup()
from statistics import median
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import resolve
from health_cli.middleware import ApiStatistics
response = HttpResponse("x")
middleware = ApiStatistics(lambda request: response)
request = RequestFactory().get("/orders/17/")
request.resolver_match = resolve("/orders/17/")
def took(call, times=20_000):
    began = time.perf_counter()
    for _ in range(times):
        call(request)
    return (time.perf_counter() - began) / times
both = [(took(middleware), took(lambda request: response)) for _ in range(7)]
print(json.dumps(median(a for a, _ in both) - median(b for _, b in both)))
"""


class Served(Process):
    """The small API of the tests, with a middleware or without."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        """Prepare it on a free port."""
        super().__init__(folder)
        self.env, self.port = env, free_port()

    def command(self) -> list[str]:
        """What to run: one process, so that the clients have the other half of a small machine."""
        gunicorn = str(Path(sys.executable).with_name("gunicorn"))
        where = ["-b", f"127.0.0.1:{self.port}", "--no-control-socket"]
        return [gunicorn, "-w", "1", *where, "django.core.wsgi:get_wsgi_application()"]

    def how(self) -> dict[str, Any]:
        """The environment."""
        return {"env": self.env}

    def ready(self) -> object:
        """True once it serves."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status/200/", timeout=2) as answer:
            return answer.status == 200

    def throughput(self) -> float:
        """Return the requests a second that it answers."""
        words = [program("ab", "apache2-utils"), "-q", "-n", str(REQUESTS), "-c", str(AT_ONCE)]
        done = subprocess.run(
            [*words, f"http://127.0.0.1:{self.port}/orders/17/"], capture_output=True, text=True, check=True
        )
        failed = re.search(r"Failed requests: +(\d+)", done.stdout)
        assert failed and failed[1] == "0" and "Non-2xx" not in done.stdout, done.stdout
        found = re.search(r"Requests per second: +([\d.]+)", done.stdout)
        assert found, done.stdout
        return float(found[1])


def environment(redis: Redis, middleware: list[str]) -> dict[str, str]:
    """Return what makes the small API use a Redis and a middleware."""
    return {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "tests.checks.api.project",
        "API_CACHES": json.dumps({"default": redis.settings()}), "API_MIDDLEWARE": json.dumps(middleware),
    }  # fmt: skip


def asked(servers: list[Served], number: int) -> list[float]:
    """Return the throughput of each; who is asked first changes from round to round."""
    order = servers if number % 2 else servers[::-1]
    found = {server.port: server.throughput() for server in order}
    return [found[server.port] for server in servers]


def main() -> int:
    """Ask both, and time the middleware."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        redis = Redis(folder / "redis").start()
        counting = environment(redis, ["health_cli.middleware.ApiStatistics"])
        servers = [Served(folder / "with", counting), Served(folder / "without", environment(redis, []))]
        try:
            for server in servers:
                server.start().throughput()
            time.sleep(1)
            rounds = [asked(servers, number) for number in range(ROUNDS)]
            own = float(
                subprocess.run(
                    [sys.executable, "-c", ONE], env=counting, capture_output=True, text=True, check=True
                ).stdout
            )
        finally:
            for each in (*servers, redis):
                each.stop()
    counted, plain = (median(times) for times in zip(*rounds, strict=True))
    lost = 100 * (1 - median(a / b for a, b in rounds))
    print(f"throughput: {counted:.0f}/s with the middleware, {plain:.0f}/s without: {lost:.1f} % less", end="")
    print(f" (aim {LOST:g} %)  {'met' if lost <= LOST else 'NOT MET'}")
    print(f"a request: {own * 1e6:.0f} us (aim {COST * 1e6:.0f} us)  {'met' if own <= COST else 'NOT MET'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
