"""What the page costs with a thousand metrics in the record and with a million, and what fifty readers get.

`python -m benchmarks.page [ROWS]` fills two databases of a MariaDB of its own and asks both in turn. Then fifty
superusers read the page and the API of the larger one for half a minute, from gunicorn. A missed aim fails nothing; an
error does.
"""

import json
import os
import random
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.services import ROOT, SHOP
from tests.servers import MariaDB, Process, free_port

SMALL, LARGE = 1_000, 1_000_000
AIM, ROUNDS = 1.5, 60
READERS, SECONDS = 50, 30
SERIES = "/admin/health/api/series/?host=web1&metric=host.memory/used_percent&range="
URLS = {
    "the page": "/admin/health/",
    "the last run": "/admin/health/api/last/?host=web1",
    "a chart of a day": f"{SERIES}24h",
    "a chart of a year": f"{SERIES}1y",
    "alerts": "/admin/health/api/alerts/?host=web1",
}
# The small record is like one of which the runs were deleted early: it has the same hours.
MORE_TO_SHOW = {"a chart of a day": "no aim: it draws 1,440 runs, and there are 62 in the small one"}

FILL = """
import django, json, sys
django.setup()
from django.contrib.auth.models import User
from django.db import connection
from health_cli.history.retention import prune
from tests.page.sample import report
import time
rows, newest = int(sys.argv[1]), time.time() // 60 * 60
whole = report("web1", 0, newest, False).to_json()
names = [(c["name"], m["name"], m["unit"]) for c in whole["checks"] for m in c["metrics"]]
runs = max(1, rows // len(names))
with connection.cursor() as cursor:
    cursor.execute(
        "INSERT INTO health_cli_healthrun (uuid, host, started_at, duration, status, `trigger`, project, complete,"
        " report, state, `condensed`) SELECT REPLACE(UUID(), '-', ''), 'web1',"
        f" FROM_UNIXTIME({newest} - ({runs} - seq) * 60), 1, 'healthy', 'command', 'shop', 1, %s, '{{}}', 0"
        f" FROM seq_1_to_{runs}", [json.dumps(whole)])
    for first in range(1, runs + 1, 2000):
        for check, metric, unit in names:
            cursor.execute(
                "INSERT INTO health_cli_healthmetric (host, check_name, metric_name, unit, status, metric_value, value,"
                " timestamp, run_id) SELECT host, %s, %s, %s, 'healthy', %s, RAND() * 50, started_at, id"
                " FROM health_cli_healthrun WHERE id BETWEEN %s AND %s",
                [check, metric, unit, '{"value": 1, "warning": "85"}', first, first + 1999])
with connection.cursor() as cursor:
    cursor.execute("INSERT INTO health_cli_healthselection (host, scope, seen_at) SELECT host, '', MAX(started_at)"
                   " FROM health_cli_healthrun GROUP BY host")
prune("default", now=newest, keep_days=365, keep_hourly_days=400, until=time.monotonic() + 300)
for number in range(int(sys.argv[2])):
    User.objects.create_superuser(f"reader{number}", password=None)
"""

SAME_HOURS = """
REPLACE INTO small.health_cli_healthhour SELECT NULL, large.* FROM (
SELECT host, check_name, metric_name, unit, status, hour, minimum, mean, maximum, count
FROM large.health_cli_healthhour) large
"""

ASK = """
import django, json, sys, time
django.setup()
from django.contrib.auth.models import User
from django.test import Client
from health_cli.page import access
access.requests._times = 10**9
client = Client(headers={"host": "localhost"})
client.force_login(User.objects.first())
for line in sys.stdin:
    began = time.perf_counter()
    answer = client.get(json.loads(line))
    took = time.perf_counter() - began
    assert answer.status_code == 200, (line, answer.status_code)
    print(took, flush=True)
"""

SESSIONS = """
import django, json
django.setup()
from django.contrib.auth.models import User
from django.test import Client
def session(user):
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value
print(json.dumps([session(user) for user in User.objects.all()]))
"""


class Asked:
    """A process that asks the page again and again, each time it is told to."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Start it."""
        words = [sys.executable, "-c", ASK]
        self._process = subprocess.Popen(words, env=env, cwd=SHOP, text=True, stdin=-1, stdout=-1)

    def ask(self, url: str) -> float:
        """Return the seconds that it took."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{json.dumps(url)}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def end(self) -> None:
        """End it."""
        self._process.communicate()


class Gunicorn(Process):
    """The shop as it is served."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        """Prepare it on a free port."""
        super().__init__(folder)
        self._env, self.port = env, free_port()

    def command(self) -> list[str]:
        """What to run."""
        program = str(Path(sys.executable).with_name("gunicorn"))
        return [
            program,
            "-w",
            "2",
            "--threads",
            "4",
            "-b",
            f"127.0.0.1:{self.port}",
            "django.core.wsgi:get_wsgi_application()",
        ]

    def how(self) -> dict[str, Any]:
        """The environment."""
        return {"env": dict(self._env), "cwd": SHOP}

    def ready(self) -> object:
        """True once it serves."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/admin/login/", timeout=2) as answer:
            return answer.status == 200


def environment(folder: Path, database: Mapping[str, Any]) -> dict[str, str]:
    """Return what points the shop to a database, with an admin."""
    return {
        "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(ROOT), str(SHOP)]), "SHOP_ADMIN": "django",
        "DJANGO_SETTINGS_MODULE": "shop.settings", "SHOP_STATE": str(folder), "HEALTH_STATE_DIR": str(folder / "state"),
        "SHOP_DATABASES": json.dumps({"default": database}),
        "SHOP_HEALTH_CLI": json.dumps({"RECORD_EVERY": 86_400}),
    }  # fmt: skip


def python(code: str, env: Mapping[str, str], *words: str) -> str:
    """Run code in the shop; return what it prints."""
    done = subprocess.run([sys.executable, "-c", code, *words], env=env, cwd=SHOP, text=True, stdout=-1, check=True)
    return done.stdout


def filled(mariadb: MariaDB, folder: Path, name: str, rows: int, users: int) -> dict[str, str]:
    """Make a database with so many metrics; return the environment that points to it."""
    mariadb.sql(f"CREATE DATABASE {name}", f"GRANT ALL ON {name}.* TO app@'127.0.0.1'")
    env = environment(folder, mariadb.settings(NAME=name))
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=env, cwd=SHOP, check=True)
    python(FILL, env, str(rows), str(users))
    return env


def ratios(small: Mapping[str, str], large: Mapping[str, str]) -> None:
    """Print the median time of each URL on both, asked in turn."""
    both = [Asked(large), Asked(small)]
    print(f"{'what':<20} {'with the large record':>22} {'with the small one':>20}  ratio   aim")
    for name, url in URLS.items():
        times: list[list[float]] = [[], []]
        for asked in both:
            asked.ask(url)
        for _ in range(ROUNDS):
            for kept, asked in zip(times, both, strict=True):
                kept.append(asked.ask(url))
        most, least = (median(kept) for kept in times)
        met = "met" if most / least <= AIM else "NOT MET"
        if name in MORE_TO_SHOW:
            met = MORE_TO_SHOW[name]
        print(f"{name:<20} {most * 1000:>19.1f} ms {least * 1000:>17.1f} ms {most / least:>6.2f} {AIM:>5.2f}  {met}")
    for asked in both:
        asked.end()


def read(port: int, session: str, until: float, codes: Counter[int], times: list[float]) -> None:
    """Read as a page that is open does, though more often: the page once, and then the API twice a second."""
    urls = list(URLS.values())
    while time.monotonic() < until:
        url = urls[0] if not times else random.choice(urls)
        request = urllib.request.Request(f"http://127.0.0.1:{port}{url}", headers={"Cookie": f"sessionid={session}"})
        began = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                answer.read()
                codes[answer.status] += 1
        except urllib.error.HTTPError as error:
            codes[error.code] += 1
        except OSError:
            codes[0] += 1
        times.append(time.monotonic() - began)
        time.sleep(max(0.0, 0.5 + random.random() - (time.monotonic() - began)))


def readers(folder: Path, env: Mapping[str, str]) -> int:
    """Let fifty people read at the same time; return how many errors there were."""
    sessions = json.loads(python(SESSIONS, env))
    own = {**env, "HEALTH_STATE_DIR": str(folder / "counts")}  # the other ones have asked more than is allowed
    server = Gunicorn(folder / "gunicorn", own).start()
    codes: Counter[int] = Counter()
    times: list[float] = []
    try:
        until = time.monotonic() + SECONDS
        threads = [threading.Thread(target=read, args=(server.port, name, until, codes, times)) for name in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        server.stop()
    times.sort()
    errors = sum(number for code, number in codes.items() if code != 200)
    middle, late = times[len(times) // 2], times[int(len(times) * 0.95)]
    print(f"\n{READERS} readers for {SECONDS} s: {sum(codes.values())} answers, {errors} errors,", end=" ")
    print(f"{dict(codes)}, median {middle * 1000:.0f} ms, 95 of 100 within {late * 1000:.0f} ms")
    return errors


def main(rows: int) -> int:
    """Fill, ask, and read."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        mariadb = MariaDB(folder / "mariadb").start()
        try:
            small = filled(mariadb, folder, "small", SMALL, 1)
            large = filled(mariadb, folder, "large", rows, READERS)
            mariadb.sql(SAME_HOURS)
            ratios(small, large)
            return 1 if readers(folder, large) else 0
        finally:
            mariadb.stop()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else LARGE))
