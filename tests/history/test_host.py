"""The name that a host records under, and what happens when it changes, or when two projects have the same."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHOP, Shop, ShopFactory, health
from tests.history.record import migrate
from tests.history.rows import rows

BAD = ("-c", "host.load/load1=@0:")


def named(shop: Shop, host: str) -> Shop:
    return Shop(shop.state, shop.databases, shop.caches, {**shop.setting, "HOST": host})


def last(shop: Shop) -> Any:
    return json.loads(shop.health("last", "-f", "json").out)


def run(shop: Shop, *words: str) -> str:
    return shop.json("host.load", options=["--record", *words]).err


def test_runs_are_recorded_and_found_under_the_name_of_the_setting(shop: ShopFactory) -> None:
    here = migrate(shop(setting={"HOST": "shop-eu"}))
    assert here.json("host.load", options=["--record"]).report["host"] == "shop-eu"
    assert last(here)["host"] == "shop-eu"
    folder = next((here.state / "record").glob("shop.settings-*"))
    (folder / "last.json").unlink()
    assert last(here)["host"] == "shop-eu"
    assert "on shop-eu" in here.health("history", "host.load/load1").out
    assert rows(here, "HealthRun", "host", "project") == [["shop-eu", folder.name]]


def test_under_a_new_name_alerts_go_on_and_the_old_ones_end(shop: ShopFactory) -> None:
    here = migrate(shop())
    assert run(named(here, "old"), *BAD) == ""
    assert run(named(here, "new"), *BAD) == ""
    assert rows(here, "SystemAlert", "host", "resolved", "resolution", "count") == [
        ["old", True, "the host is called new now", 1],
        ["new", False, "", 2],
    ]
    (since,) = {row[0] for row in rows(here, "SystemAlert", "created_at")}
    assert since
    run(named(here, "new"))
    assert rows(here, "SystemAlert", "resolution")[1] == ["recovered"]


def test_under_a_new_name_the_alert_of_what_is_well_again_ends_too(shop: ShopFactory) -> None:
    here = migrate(shop())
    assert run(named(here, "old"), *BAD) == ""
    assert run(named(here, "new")) == ""
    assert rows(here, "SystemAlert", "host", "resolved", "resolution") == [
        ["old", True, "the host is called new now"]
    ]  # fmt: skip


def test_without_its_settings_a_host_keeps_the_name(shop: ShopFactory) -> None:
    here = migrate(shop())
    run(named(here, "shop-eu"))
    broken = Shop(here.state, here.databases, here.caches, {"TIMEOUT": "x"})
    broken.health("run", "--record")
    found = last(broken)
    assert (found["host"], found["checks"][0]["name"]) == ("shop-eu", "health.setup")


@pytest.mark.parametrize("name", [7, "a" * 191, "a\nb", " a", None])
def test_a_name_that_is_none_is_refused(shop: ShopFactory, name: object) -> None:
    done = shop(setting={"HOST": name}).json("host.load")
    assert done.code == 3
    assert "HEALTH_CLI['HOST']" in str(done.report)


def test_two_projects_under_one_name_are_said(shop: ShopFactory, tmp_path: Path) -> None:
    here = migrate(shop())
    assert run(here) == ""
    moved = shutil.copytree(SHOP, tmp_path / "other")
    words = ("run", "host.load", "--record", "-q", "--settings", "shop.settings", "--chdir", str(moved))
    other = health(*words, env=here.env)
    assert f"records under the name '{socket.gethostname()}' in the database 'default' too" in other.err
    assert health(*words, env=named(here, "other").env).err == ""


def test_a_project_behind_a_link_that_turns_is_the_same(shop: ShopFactory, tmp_path: Path) -> None:
    here = migrate(shop())
    link = tmp_path / "current"
    for release in ("1", "2"):
        shutil.copytree(SHOP, tmp_path / release)
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / release)
        words = ("run", "host.load", "--record", "-q", "--settings", "shop.settings")
        assert health(*words, "--chdir", str(link), env=here.env).err == ""
        assert health(*words, cwd=link, env={**here.env, "PWD": str(link)}).err == ""
    (folder,) = (here.state / "record").iterdir()
    assert json.loads((folder / "state.json").read_text())["serial"] == 4
