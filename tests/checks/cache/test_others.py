"""cache:ALIAS on everything that is no Redis."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ShopFactory
from tests.servers import Memcached, Silent, free_port


def backend(path: str, location: object = "", **more: Any) -> dict[str, dict[str, Any]]:
    """Return CACHES with one of Django's backends."""
    return {"default": {"BACKEND": f"django.core.cache.backends.{path}", "LOCATION": str(location), **more}}


def test_memcached(memcached: Memcached, shop: ShopFactory) -> None:
    run = shop(caches={"default": memcached.settings()}).json("cache")
    values = run.metrics("cache:default")
    assert run.code == 0, run.out
    assert run.checks["cache:default"]["summary"].startswith("Memcached 1.")
    assert values["roundtrip_time"] > 0
    assert values["keys"] == 0, "the probe's own key is gone"
    assert values["hit_ratio"] == 100.0


def test_memcached_down_and_silent(shop: ShopFactory) -> None:
    silent = Silent()
    down = shop(caches=backend("memcached.PyMemcacheCache", f"127.0.0.1:{free_port()}")).json("cache")
    quiet = shop(caches=backend("memcached.PyMemcacheCache", f"127.0.0.1:{silent.port}")).json("cache")
    lost = shop(caches=backend("memcached.PyMemcacheCache", "no-such-host.invalid:11211")).json("cache")
    silent.close()
    kinds = [run.checks["cache:default"]["kind"] for run in (down, quiet, lost)]
    assert kinds == ["refused", "timeout", "missing"]
    assert {down.code, quiet.code, lost.code} == {2}


@pytest.mark.parametrize(
    ("path", "words"),
    [("locmem.LocMemCache", "one for each process"), ("dummy.DummyCache", "stores nothing")],
    ids=["locmem", "dummy"],
)
def test_what_can_not_be_seen_is_said_to_be_what_it_is(shop: ShopFactory, path: str, words: str) -> None:
    run = shop(caches=backend(path)).json("cache")
    assert run.code == 0
    assert words in run.checks["cache:default"]["summary"]
    assert run.checks["cache:default"]["metrics"] == []


def test_files_are_counted(shop: ShopFactory, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "old.djcache").write_bytes(b"x" * 100)
    run = shop(caches=backend("filebased.FileBasedCache", tmp_path / "cache")).json("cache")
    assert run.code == 0, run.out
    assert run.metrics("cache:default")["entries"] == 1
    assert run.metrics("cache:default")["size"] == 100
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["old.djcache"]


def test_a_folder_that_can_not_be_written_is_critical(shop: ShopFactory, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    run = shop(caches=backend("filebased.FileBasedCache", tmp_path / "cache")).json("cache")
    assert (run.code, run.checks["cache:default"]["status"]) == (2, "critical")


def test_a_database_cache(shop: ShopFactory, tmp_path: Path) -> None:
    databases = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db")}}
    project = shop(databases, backend("db.DatabaseCache", "cache_table"))
    assert project.json("cache").checks["cache:default"]["status"] == "critical", "there is no table yet"
    assert project.manage("createcachetable").code == 0
    run = project.json("cache")
    assert run.code == 0, run.out
    assert run.metrics("cache:default")["entries"] == 0


def test_a_class_that_does_not_exist_is_critical(shop: ShopFactory) -> None:
    run = shop(caches=backend("nowhere.NoCache")).json("cache")
    assert (run.code, run.checks["cache:default"]["status"]) == (2, "critical")
    assert "NoCache" in run.checks["cache:default"]["message"]
