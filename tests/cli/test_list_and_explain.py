"""`health list` and `health explain`."""

import json
from pathlib import Path

import pytest

from tests.conftest import ShopFactory, health


def test_list_shows_where_every_threshold_comes_from(shop: ShopFactory) -> None:
    project = shop(setting={"THRESHOLDS": {"host.load/load15_per_cpu": {"warning": "3"}}})
    env = {"HEALTH_CRITICAL": "host.load/load15_per_cpu=9"}
    run = project.health("list", "-w", "host.memory/used_percent=70%", "-f", "json", env=env)
    rows = {row["name"]: {m["name"]: m for m in row["metrics"]} for row in json.loads(run.out)}
    assert rows["host.load"]["load15_per_cpu"]["warning"] == {"range": "3", "from": "setting"}
    assert rows["host.load"]["load15_per_cpu"]["critical"] == {"range": "9", "from": "HEALTH_CRITICAL"}
    assert rows["host.memory"]["used_percent"]["warning"] == {"range": "70", "from": "--warning"}
    assert rows["host.memory"]["used_percent"]["critical"] == {"range": "95", "from": "default"}
    table = project.health("list", env=env).out
    assert "Settings: shop.settings" in table
    assert "3 (setting)" in table and "9 (HEALTH_CRITICAL)" in table and "500MiB:" in table
    assert "shop.backlog" in table


def test_list_contacts_nothing_and_fits_a_terminal(shop: ShopFactory) -> None:
    database = {"default": {"ENGINE": "django.db.backends.mysql", "HOST": "192.0.2.1", "NAME": "x"}}
    run = shop(database).health("list")
    assert run.code == 0 and run.seconds < 5
    assert max(map(len, run.out.splitlines())) <= 80


def test_list_names_what_is_not_there() -> None:
    run = health("list", "databse")
    assert run.code == 3 and "nearest: database" in run.err


def test_explain_is_the_manual_page(shop: ShopFactory) -> None:
    database = {"default": {"ENGINE": "django.db.backends.mysql", "HOST": "192.0.2.1", "NAME": "x"}}
    run = shop(database).health("explain", "database:default")
    assert run.code == 0
    text = " ".join(run.out.split())
    grant = "GRANT PROCESS, REPLICATION CLIENT ON *.*"
    for words in (grant, "connections_used_percent [%] warning 80", "replica = False"):
        assert words in text
    assert max(map(len, run.out.splitlines())) <= 80
    assert "--max-depth=2 /." in health("explain", "host.disk").out
    assert "Orders waiting for payment." in shop().health("explain", "shop.backlog").out


def test_explain_names_only_those_that_the_page_serves(shop: ShopFactory) -> None:
    assert "The same page serves" not in health("explain", "host").out
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    run = shop({"default": sqlite, "other": sqlite}).health("explain", "database")
    assert "The same page serves database:other." in run.out


def test_a_module_that_can_not_be_loaded_is_the_reason(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(
        "SECRET_KEY = 'x'\nDATABASES = {}\nCACHES = {}\nHEALTH_CLI = {'PLUGINS': ['broken']}\n"
    )
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    where = ("--settings", "s", "--chdir", str(tmp_path))
    for words in (("list", "shop"), ("explain", "shop")):
        run = health(*words, *where)
        assert run.code == 3 and "nothing_of_that_name" in run.err
    listed = health("list", *where)
    assert listed.code == 3 and "health.plugins:broken" in listed.out and "host.memory" in listed.out
    ran = health("run", "-f", "json", *where)
    assert ran.code == 3
    assert ran.checks["health.plugins:broken"]["kind"] == "crashed"
    assert ran.checks["host.memory"]["status"] == "healthy"


@pytest.mark.parametrize("name", ["TLS", "network.tls"])
def test_what_the_setting_could_have_is_explained_where_it_has_none(shop: ShopFactory, name: str) -> None:
    run = shop().health("explain", name)
    assert run.code == 0 and run.out.startswith("network.tls  (health_cli.checks.network.tls.Tls)"), run.err
    assert "days_left" in run.out and "Options (beside TLS in HEALTH_CLI['CHECKS'])" in run.out
    assert shop().health("explain", "network.tlss").code == 3
