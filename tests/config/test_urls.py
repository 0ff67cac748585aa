"""URLs of services, turned into entries of DATABASES and CACHES."""

from typing import Any

import pytest

from health_cli.config.urls import CACHES, ENGINES, cache_from_url, database_from_url
from health_cli.core.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "mysql://shop:pw@db:3306/shop",
            {"NAME": "shop", "USER": "shop", "PASSWORD": "pw", "HOST": "db", "PORT": "3306"},
        ),
        ("mysql://db/shop", {"NAME": "shop", "USER": "", "PASSWORD": "", "HOST": "db", "PORT": ""}),
        ("mysql://u:p%40s%2Fs%3A@db/n", {"USER": "u", "PASSWORD": "p@s/s:", "HOST": "db"}),
        ("mysql://u%40h:p@db/a%20b", {"USER": "u@h", "NAME": "a b"}),
        ("mysql://u:p@[::1]:3306/n", {"HOST": "::1", "PORT": "3306"}),
        ("postgres://%2Frun%2FPostgreSQL/n", {"HOST": "/run/PostgreSQL", "NAME": "n"}),
        ("mysql://db/n?charset=utf8mb4&x=1", {"NAME": "n", "OPTIONS": {"charset": "utf8mb4", "x": "1"}}),
        ("sqlite:///relative.db", {"NAME": "relative.db", "HOST": "", "PORT": ""}),
        ("sqlite:////absolute/file.db", {"NAME": "/absolute/file.db"}),
        ("sqlite:///:memory:", {"NAME": ":memory:"}),
        ("sqlite3:///a.db", {"NAME": "a.db"}),
    ],
)
def test_a_database(url: str, expected: dict[str, Any]) -> None:
    entry = database_from_url(url, "DATABASE_URL")
    assert expected.items() <= entry.items()
    assert entry["ENGINE"] == ENGINES[url.partition(":")[0]]


@pytest.mark.parametrize(
    ("scheme", "engine"),
    [
        ("mysql", "mysql"), ("mariadb", "mysql"), ("postgres", "postgresql"), ("postgresql", "postgresql"),
        ("sqlite", "sqlite3"), ("sqlite3", "sqlite3"), ("MySQL", "mysql"),
    ],
)  # fmt: skip
def test_the_engine_of_a_scheme(scheme: str, engine: str) -> None:
    assert database_from_url(f"{scheme}://h/n", "X")["ENGINE"] == f"django.db.backends.{engine}"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("redis://:pw@cache:6379/1", "redis://:pw@cache:6379/1"),
        ("rediss://cache", "rediss://cache"),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock?db=1"),
        ("memcached://cache:11212", "cache:11212"),
        ("memcached://cache", "cache:11211"),
        ("memcached://[::1]:11212", "[::1]:11212"),
    ],
)
def test_a_cache(url: str, location: str) -> None:
    assert cache_from_url(url, "CACHE_URL") == {"BACKEND": CACHES[url.partition(":")[0]], "LOCATION": location}


@pytest.mark.parametrize("url", ["memcached://", "memcached:///run/memcached.sock"])
def test_a_cache_without_a_host_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="CACHE_URL"):
        cache_from_url(url, "CACHE_URL")


@pytest.mark.parametrize("read", [database_from_url, cache_from_url], ids=["database", "cache"])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://u:hunter2@h/n", "the scheme 'ftp': use one of"),
        ("u:hunter2@h", "the scheme 'u': use one of"),
        ("://hunter2", "the scheme '': use one of"),
        ("hunter2", "the scheme '': use one of"),
        ("", "the scheme '': use one of"),
        ("redis://[hunter2", "is not a URL"),
    ],
    ids=["other scheme", "no slashes", "no scheme", "one word", "empty", "broken address"],
)
def test_a_bad_url_is_refused_without_being_shown(read: Any, url: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(url, "THE_URL")
    assert caught.value.message.startswith("THE_URL ")
    assert words in caught.value.message
    assert "Example" in caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("port", ["port", "99999", "-1", "hunter2"])
def test_a_bad_port_is_refused_without_being_shown(port: str) -> None:
    for read, scheme in ((database_from_url, "mysql"), (cache_from_url, "redis"), (cache_from_url, "memcached")):
        with pytest.raises(ConfigError, match="port that is not a number from 0 to 65535") as caught:
            read(f"{scheme}://u:hunter2@h:{port}/n", "X")
        assert "hunter2" not in str(caught.value)
