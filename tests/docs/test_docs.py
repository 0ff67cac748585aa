"""The documentation is complete, fresh and true: everything there is has its place in it, and what it shows runs."""

import os
import re
import subprocess
import sys
import time
import types
from ast import literal_eval
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from shlex import split
from types import SimpleNamespace
from typing import Any

import click
import django.conf
import pytest

import health_cli
from health_cli import checks
from health_cli.cli.group import COMMANDS
from health_cli.config.builtin import FAMILIES, SUBSYSTEMS
from health_cli.config.declared import declared
from health_cli.config.setting import HealthSetting, validate
from health_cli.config.source import Source
from health_cli.core import check as check_module
from health_cli.core.check import Check
from health_cli.core.kind import Kind
from health_cli.core.result import Result
from health_cli.core.units import SUFFIXES
from health_cli.formatters import BUILT_IN
from tests.conftest import Shop
from tests.history.record import batch, fill

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
SHOP = ROOT / "examples" / "shop"
HEALTH = str(Path(sys.executable).with_name("health"))
PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def section(name: str, heading: str) -> str:
    """Return the part of a page under a heading, up to the next one of the same level."""
    level = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}$\n(.*?)(?=^{level} |\Z)", text(name), re.MULTILINE | re.DOTALL)
    assert found, f"{name} has no section '{heading}'"
    return found[1]


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text(name), re.MULTILINE | re.DOTALL)


def command(name: str) -> click.Command:
    loaded: click.Command = import_module(COMMANDS[name][0]).command
    return loaded


def options(which: bool) -> list[tuple[str, str]]:
    """Return (command, word) of each option that is hidden, or not."""
    return [
        (name, word)
        for name in COMMANDS
        for option in command(name).params
        if isinstance(option, click.Option) and option.hidden is which
        for word in option.opts
    ]


def check_classes() -> set[type[Check]]:
    """Return every class of a built-in check; one from which others are made is none."""
    modules = [import_module(found.name) for found in walk_packages(checks.__path__, f"{checks.__name__}.")]
    classes = {
        value
        for module in modules
        for value in vars(module).values()
        if issubclass(type(value), type) and issubclass(value, Check) and value.__module__ == module.__name__
    }
    return {found for found in classes if "gather" in vars(found)}


SETTINGS = {"BROKER_URL", "CELERY_BROKER_WRITE_URL"}  # of Celery, read from Django's settings alone


def variables() -> set[str]:
    """Return the environment variables of ours: those of click's options, and those that the code names."""
    named = {option.envvar for name in COMMANDS for option in command(name).params if option.envvar}
    source = "".join(path.read_text() for path in (ROOT / "health_cli").rglob("*.py"))
    read = re.findall(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"", source)
    urls = set(re.findall(r"\"([A-Z_]+_URL)\"", source)) & {
        "DATABASE_URL",
        "CACHE_URL",
        "REDIS_URL",
        "CELERY_BROKER_URL",
    }
    return {str(name) for name in named} | set(read) | set(urls) | {"HEALTH_WARNING", "HEALTH_CRITICAL"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_section_and_is_in_the_readme(name: str) -> None:
    assert section("docs/commands.md", f"## health {name}")
    assert f"| `health {name} " in text("README.md")


@pytest.mark.parametrize(("name", "word"), options(which=False))
def test_every_option_is_in_the_section_of_its_command(name: str, word: str) -> None:
    assert f"`{word}" in section("docs/commands.md", f"## health {name}")


@pytest.mark.parametrize("word", sorted({word for _, word in options(which=True)}))
def test_djangos_options_are_under_manage_py(word: str) -> None:
    assert f"`{word}" in section("docs/commands.md", "## manage.py health")


def test_every_environment_variable_is_in_the_table() -> None:
    table = section("docs/commands.md", "## Environment variables")
    ours = variables() - {"COMPUTERNAME", "TERM"}
    assert {name for name in ours if f"`{name}`" not in table} == set()


def test_every_key_of_the_setting_has_its_section() -> None:
    table = section("docs/settings.md", "## The keys")
    for item in fields(HealthSetting):
        assert f"[`{item.name}`](#{item.name.lower()})" in table
        level = "##" if item.name == "THRESHOLDS" else "###"
        assert section("docs/settings.md", f"{level} {'Thresholds' if item.name == 'THRESHOLDS' else item.name}")


def test_no_setting_is_documented_that_there_is_not() -> None:
    rows = re.findall(r"^\| \[`([A-Z_]+)`\]", section("docs/settings.md", "## The keys"), re.MULTILINE)
    assert rows == [item.name for item in fields(HealthSetting)]


@pytest.mark.parametrize("block", blocks("docs/settings.md", "python"))
def test_the_examples_of_the_setting_are_valid(block: str) -> None:
    namespace: dict[str, Any] = {}
    exec(block, namespace)
    assert validate(namespace["HEALTH_CLI"])[1] == []


def test_the_page_on_checks_without_code_is_valid_and_whole() -> None:
    from health_cli.config.kinds import KINDS

    namespace: dict[str, Any] = {}
    (block,) = blocks("docs/without-code.md", "python")
    exec(block, namespace)
    assert validate(namespace["HEALTH_CLI"])[1] == []
    words = re.findall(r"^\| \[`([A-Z_]+)`\]", text("docs/without-code.md"), re.MULTILINE)
    assert words == list(KINDS)
    assert all(any(word in about for about in namespace["HEALTH_CLI"]["CHECKS"].values()) for word in words)


@pytest.mark.parametrize("key", sorted({item.name for item in fields(HealthSetting)} - {"THRESHOLDS"}))
def test_every_key_has_a_valid_example(key: str) -> None:
    example = re.match(rf"\s*`(\"{key}\": .*?)`\. ", section("docs/settings.md", f"### {key}"))
    assert example
    assert validate(literal_eval(f"{{{example[1]}}}"))[1] == []


def test_every_system_check_has_its_row() -> None:
    source = "".join(path.read_text() for path in (ROOT / "health_cli" / "config").glob("*.py"))
    ids = set(re.findall(r"\"(?:health_cli\.)?([EW]\d{3})\"", source))
    rows = re.findall(r"^\| `health_cli\.([EW]\d{3})`", text("docs/settings.md"), re.MULTILINE)
    assert sorted(rows) == sorted(ids)


def test_every_suffix_and_kind_is_named() -> None:
    thresholds = section("docs/settings.md", "## Thresholds")
    assert [suffix for suffix in SUFFIXES if f"`{suffix}`" not in thresholds] == []
    kinds = section("docs/checks.md", "## Kinds of failure")
    assert re.findall(r"^\| `([a-z-]+)` \|", kinds, re.MULTILINE) == [kind.value for kind in Kind]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_format_has_its_section(name: str) -> None:
    assert section("docs/formats.md", f"## {name}")
    assert f"`{name}`" in section("docs/commands.md", "## health run")


def test_every_field_of_the_json_report_has_its_row() -> None:
    report = health_cli.Report(
        run="", host="", version="", started_at="", duration=0, checks=(Result(name="a", status=health_cli.Status(1)),)
    ).to_json()
    metric = health_cli.metric("a").to_json()
    fields_ = [*report, *report["checks"][0], *metric]
    page = section("docs/formats.md", "## json")
    assert [name for name in fields_ if not re.search(rf"^\| .*`{name}`.* \|", page, re.MULTILINE)] == []


def reference() -> Any:
    """Return docs/reference.py as a module."""
    path = DOCS / "reference.py"
    module = types.ModuleType("reference")
    module.__file__ = str(path)
    exec(compile(path.read_text(), path, "exec"), vars(module))
    return module


def test_every_check_class_has_a_page_in_the_overview() -> None:
    pages = reference().PAGES
    assert {type(check) for check in pages.values()} == check_classes()
    overview = text("docs/checks.md")
    assert [name for name in pages if f"(reference/{name}.md)" not in overview] == []


@pytest.mark.parametrize("name", sorted(reference().PAGES))
def test_a_page_names_every_metric_and_option(name: str) -> None:
    module = reference()
    check, page = module.PAGES[name], (REFERENCE / f"{name}.md").read_text()
    words = [*(metric.name for metric in check.metrics), *module.options_of(check)]
    assert [word for word in words if f"| `{word}` |" not in page] == []


def test_the_reference_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "reference.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stale_a_missing_and_a_strange_page_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = reference()
    module.FOLDER = tmp_path / "reference"
    assert module.main([]) == 0
    assert module.main(["--check"]) == 0
    (module.FOLDER / "host-cpu.md").write_text("old")
    (module.FOLDER / "host-swap.md").unlink()
    (module.FOLDER / "nothing.md").write_text("strange")
    assert module.main(["--check"]) == 1
    named = re.findall(r"reference/(\S+) is stale", capsys.readouterr().err)
    assert named == ["host-cpu.md", "host-swap.md", "nothing.md"]
    assert module.main([]) == 0
    assert module.main(["--check"]) == 0
    assert module.main(["--chekc"]) == 3


class FakeOrders:
    """Stands in for the shop's orders: 120 of every sort."""

    def filter(self, **conditions: object) -> "FakeOrders":
        return self

    def count(self) -> int:
        return 120


@pytest.fixture
def shop_of_the_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the page the module that it imports and the setting that it reads; forget its checks afterwards."""
    models = types.ModuleType("shop.models")
    vars(models)["Order"] = SimpleNamespace(objects=FakeOrders())
    monkeypatch.setitem(sys.modules, "shop", types.ModuleType("shop"))
    monkeypatch.setitem(sys.modules, "shop.models", models)
    monkeypatch.setattr(django.conf, "settings", SimpleNamespace(PROVIDER_TOKEN="a token"))
    monkeypatch.setitem(sys.modules, "page", types.ModuleType("page"))  # dataclasses look their module up
    before = list(check_module.declared)
    check_module.declared.clear()
    yield
    check_module.declared[:] = before


@pytest.mark.usefixtures("shop_of_the_page")
def test_the_code_for_own_checks_runs() -> None:
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks("docs/own-checks.md", "python"):
        exec(compile(block, "docs/own-checks.md", "exec"), namespace)
    tests = [value for name, value in namespace.items() if name.startswith("test_")]
    assert len(tests) >= 5
    for test in tests:
        test()
    results = {check.name: namespace["run_check"](check) for check in check_module.declared}
    assert {name: result.status.word for name, result in results.items()} == {
        "shop.backlog": "warning",
        "shop.orders": "warning",
        "shop.stocktaking": "warning",
        "shop.payment": "critical",
        "shop.async": "healthy",
        "shop.invoices": "healthy",
        "shop.shelf:a": "healthy",
        "shop.shelf:b": "critical",
        "shop.provider": "healthy",
    }
    assert "a token" not in repr(namespace["find"]("shop.provider"))


def test_own_checks_names_the_reserved_words() -> None:
    from health_cli.config.builtin import SUBSYSTEMS

    paragraph = re.search(r"belong to health-cli: (.*?)\.\n", text("docs/own-checks.md"), re.DOTALL)
    assert paragraph
    assert re.findall(r"`([a-z]+)`", paragraph[1]) == sorted(SUBSYSTEMS)


def links() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        prose = re.sub(r"`[^`]*`", "code", prose)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if "://" not in target:
                yield str(page.relative_to(ROOT)), target


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the usual forges make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("page", "target"), sorted(set(links())))
def test_every_relative_link_leads_somewhere(page: str, target: str) -> None:
    path, _, anchor = target.partition("#")
    found = (ROOT / page).parent / path if path else ROOT / page
    assert found.exists()
    assert not anchor or anchor in anchors(found)


def test_the_changelog_has_this_version_on_top() -> None:
    versions = re.findall(r"^## \[(\S+)\]", text("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == health_cli.__version__
    assert f"-{health_cli.__version__}-" in text("README.md"), "the name of the wheel"


def samples() -> Iterator[tuple[str, str]]:
    """Yield (command line, first line of its output) of each console block that needs nothing but the shop."""
    for name in ("README.md", "docs/commands.md", "docs/record.md"):
        for block in blocks(name, "console"):
            line, _, output = block.partition("\n")
            if line.startswith("$ health") and not set(line) & set("|;>"):
                yield line.removeprefix("$ "), output.partition("\n")[0]


@pytest.fixture(scope="module")
def shop_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a shop with a database of its own, in which web1 has recorded an hour."""
    state = tmp_path_factory.mktemp("shop")
    env = {**os.environ, "SHOP_STATE": str(state), "HEALTH_STATE_DIR": str(state / "record"), "COLUMNS": "80"}
    other = {**env, "SHOP_STATE": str(tmp_path_factory.mktemp("other"))}  # so that this host is not in the record
    subprocess.run([HEALTH, "run", "host", "--record", "--quiet"], cwd=SHOP, env=other, check=False)
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=SHOP, env=env, check=True)
    recorded = [(time.time() - 60 * i, 40.0 + i % 5) for i in range(60)]
    shop = Shop(state, {}, {}, {})
    fill(shop, batch("host.memory/used_percent", recorded, unit="%", warning="90", critical="95"))
    alert = (
        "from health_cli.models import SystemAlert; from django.utils.timezone import now; "
        "SystemAlert(alert_type='database:default', host='web1', message='It is down.', severity='critical', "
        "created_at=now(), seen_at=now(), open_key='web1 database:default').save()"
    )
    assert shop.manage("shell", "-c", alert).code == 0
    return env


def shape(line: str) -> str:
    """Return a line without what differs from run to run: status, counts, times and the name of the host."""
    words = "healthy|warning|critical|unknown|skipped"
    line = re.sub(rf"^({words})\b", "STATUS", line, flags=re.IGNORECASE)
    line = re.sub(rf"\d+ (?:{words})(?:, \d+ (?:{words}))*", "COUNTS", line)
    line = re.sub(r"^ *\d+  \S+ +(\S+) on \S+: open, \d+ runs?, since \S+", "ID  SEVERITY  CHECK on HOST", line)
    line = re.sub(r"\b\d+(?= (hours|metrics|runs|alerts|silences)\b)", "N", line)
    return re.sub(r", (?:in )?[\d.,]+ (us|ms|s|min)(?: ago)?, on \S+", ", in TIME, on HOST", line)


def test_the_shape_keeps_what_matters() -> None:
    line = "WARNING  1 warning, 8 healthy, in 356 ms, on vm"
    assert shape(line) == shape("HEALTHY  12 healthy, in 1.2 s, on web-1") == "STATUS  COUNTS, in TIME, on HOST"
    assert shape("Settings: shop.settings") == "Settings: shop.settings"


@pytest.mark.parametrize(("line", "first"), list(samples()))
def test_samples_of_the_command_line_run(line: str, first: str, shop_env: dict[str, str]) -> None:
    done = subprocess.run(
        [HEALTH, *split(line)[1:]], cwd=SHOP, env=shop_env, capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1, 2}, done.stderr + done.stdout
    assert shape(done.stdout.partition("\n")[0]) == shape(first)


def test_there_are_samples_of_every_command() -> None:
    assert {split(line)[1] if " " in line else "run" for line, _ in samples()} == set(COMMANDS) - {"beat"}  # silent


def test_no_page_names_a_machine() -> None:
    places = re.compile(r"/(?:root|home|tmp|work)/|pypi[./]|C:\\\\", re.IGNORECASE)
    assert [str(page.relative_to(ROOT)) for page in PAGES if places.search(page.read_text())] == []


def test_every_check_of_django_health_check_has_its_counterpart() -> None:
    page = (DOCS / "peers.md").read_text()
    theirs, _, _ = page.partition("## django-watchman")
    folder = Path(next(iter(import_module("health_check").__path__)))
    text = "".join(path.read_text() for path in [folder / "checks.py", *folder.glob("contrib/*.py")])
    classes = re.findall(r"^class ([A-Z]\w+)\((?:HealthCheck|AtlassianStatusPage|Feed)\)", text, re.MULTILINE)
    assert len(classes) > 20
    assert [name for name in classes if f"`{name}`" not in theirs] == []


def test_what_the_page_of_the_peers_names_is_there() -> None:
    page = (DOCS / "peers.md").read_text()
    names = re.findall(r"`([a-z]+(?:\.[a-z]+)?)(?::[A-Z]+)?`", page)
    known = [name for name in names if name.partition(".")[0] in SUBSYSTEMS]
    assert len(known) > 30 and set(known) <= set(FAMILIES), set(known) - set(FAMILIES)


@pytest.mark.parametrize(
    "line", re.findall(r'`("[^`]+": \{(?:[^`]|\\")+\})`', (DOCS / "peers.md").read_text()), ids=lambda line: line[:30]
)
def test_each_line_of_the_page_of_the_peers_is_taken(line: str) -> None:
    checks = literal_eval("{" + line + "}")
    setting, problems = validate({"CHECKS": checks})
    assert problems == []
    made, _ = declared(Source(name="shop", databases={"default": {"ENGINE": "mysql"}}), setting, ())
    assert [check.name for check in made] == list(checks)
