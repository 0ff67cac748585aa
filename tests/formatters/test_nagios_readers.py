"""The format `nagios`, read by the programs that it is for: Monitoring::Plugin, Icinga 2 and Nagios Core."""

import grp
import json
import math
import os
import pwd
import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from health_cli.core.metric import Metric
from health_cli.core.report import Report
from health_cli.core.threshold import Threshold
from health_cli.formatters import Style
from health_cli.formatters.nagios import render
from health_cli.testing import fake_result
from tests.formatters.nagios_grammar import Item, parse
from tests.formatters.sample import HEALTHY, RICH

VALUES = (0, 1, -1, 0.5, -0.25, 1e-9, 123456.789, 1e15, 2**53, 99.99)
RANGES = (None, "80", "10:", "~:5", "10:20", "@10:20", "@~:1", "0:", "~:", "-5:-1", "0.001", "@0")
UNITS = {"": "", "s": "seconds", "B": "bytes", "%": "percent", "c": ""}  # as Icinga 2 calls them

PERL = r"""
use strict; use warnings FATAL => 'all';
use Monitoring::Plugin::Performance;
for my $p (Monitoring::Plugin::Performance->parse_perfstring(join '', <STDIN>)) {
    print join("\t", map { defined $_ ? $_ : '' } $p->label, $p->value, $p->uom, $p->warning, $p->critical, $p->min,
        $p->max), "\n";
}
"""


def every_shape() -> Report:
    """Return a report with every value, unit and range in every field."""
    metrics = [
        Metric(
            name=f"m{len(RANGES) * number + index}",
            value=value,
            unit=list(UNITS)[index % len(UNITS)],
            warning=Threshold.parse(text) if text and number % 2 else None,
            critical=Threshold.parse(text) if text and not number % 2 else None,
            min=-10 if index % 3 else None,
            max=1e20 if index % 2 else None,
        )
        for number, value in enumerate(VALUES)
        for index, text in enumerate(RANGES)
    ]
    return replace(HEALTHY, checks=(fake_result("shop.every-shape", metrics=metrics),))


def perfdata(report: Report) -> tuple[str, tuple[Item, ...]]:
    """Return the text after the pipe, and what our own reader makes of it."""
    text = render(report, Style(max_bytes=1 << 24))
    return text.split("\n")[0].partition("| ")[2], parse(text).items


def program(name: str, package: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert path, f"{name} is missing: apt-get install {package}"
    return path


@pytest.mark.parametrize("report", [RICH, HEALTHY, every_shape()], ids=["rich", "healthy", "every-shape"])
def test_monitoring_plugin_reads_every_item(report: Report) -> None:
    text, ours = perfdata(report)
    perl = program("perl", "perl libmonitoring-plugin-perl")
    done = subprocess.run([perl, "-e", PERL], input=text, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, f"apt-get install libmonitoring-plugin-perl\n{done.stderr}"
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == [item.label for item in ours]
    for row, item in zip(rows, ours, strict=True):
        # perl prints fifteen digits
        assert math.isclose(float(row[1]), item.value, rel_tol=1e-14), item
        assert row[2] == item.unit
        ranges = [item.warning or "", item.critical or ""]
        # Monitoring::Plugin knows no `@` in performance data, and reads no further
        known = next((place for place, text in enumerate(ranges) if "@" in text), 4)
        ends = ["" if end is None else end for end in (item.min, item.max)]
        found = [*row[3:5], *(float(end) if end else "" for end in row[5:])]
        assert found[:known] == [*ranges, *ends][:known], item


def plain(threshold: str | None) -> float | None:
    """Return what Icinga 2 keeps of a range: a plain number, nothing of any other."""
    return float(threshold) if threshold and re.fullmatch(r"-?[0-9.]+", threshold) else None


def same(found: float | None, expected: float | None) -> bool:
    return found == expected or (
        None not in {found, expected} and math.isclose(found or 0, expected or 0, rel_tol=1e-14)
    )


def test_icinga_reads_every_item() -> None:
    items: list[Item] = []
    calls: list[str] = []
    for report in (RICH, every_shape()):
        text, ours = perfdata(report)
        items += ours
        calls += [f'parse_performance_data("{entry}")' for entry in text.split()]
    icinga = program("icinga2", "icinga2-bin")
    script = f"[{', '.join(calls)}]"
    done = subprocess.run(
        [icinga, "console", "--eval", script], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(found) == len(items)
    for entry, item in zip(found, items, strict=True):
        assert (entry["label"], entry["unit"]) == (item.label, UNITS[item.unit])
        expected = {"value": item.value, "warn": plain(item.warning), "crit": plain(item.critical)}
        expected |= {"min": item.min, "max": item.max}
        for key, number in expected.items():
            assert same(entry[key], number), (item, key)


NAGIOS = """
log_file={folder}/nagios.log
cfg_file={folder}/objects.cfg
status_file={folder}/status.dat
object_cache_file={folder}/objects.cache
precached_object_file={folder}/objects.precache
temp_file={folder}/nagios.tmp
temp_path={folder}
check_result_path={folder}
lock_file={folder}/nagios.lock
command_file={folder}/nagios.cmd
query_socket={folder}/nagios.qh
nagios_user={user}
nagios_group={group}
retain_state_information=0
status_update_interval=1
interval_length=1
check_for_updates=0
check_external_commands=0
enable_notifications=0
"""
OBJECTS = """
define command {{
 command_name show
 command_line {folder}/plugin
}}
define timeperiod {{
 timeperiod_name always
 alias always
{days}
}}
define contact {{
 contact_name nobody
 host_notification_period always
 service_notification_period always
 host_notification_commands show
 service_notification_commands show
}}
define host {{
 host_name web-1
 address 127.0.0.1
 max_check_attempts 1
 check_period always
 contacts nobody
}}
define service {{
 host_name web-1
 service_description health
 check_command show
 max_check_attempts 1
 check_interval 1
 retry_interval 1
 check_period always
 contacts nobody
}}
"""


def nagios_says(folder: Path, output: str, code: int) -> dict[str, str]:
    """Run the Nagios daemon until it has checked a plugin with this output; return the service's state."""
    for name, text in {"output": output, "plugin": f"#!/bin/sh\ncat {folder}/output\nexit {code}\n"}.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "plugin").chmod(0o755)
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    days = "\n".join(f" {day}day 00:00-24:00" for day in "sun mon tues wednes thurs fri satur".split())
    (folder / "nagios.cfg").write_text(NAGIOS.format(folder=folder, user=user, group=group))
    (folder / "objects.cfg").write_text(OBJECTS.format(folder=folder, days=days))
    command = [program("nagios4", "nagios4-core"), str(folder / "nagios.cfg")]
    log = folder / "daemon.log"
    with log.open("wb") as sink, subprocess.Popen(command, stdout=sink, stderr=sink) as daemon:
        try:
            return _wait_for_state(folder / "status.dat", log)
        finally:
            daemon.terminate()


def _wait_for_state(path: Path, log: Path) -> dict[str, str]:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        block = re.search(r"^servicestatus \{\n(.*?)^\t\}", text, re.MULTILINE | re.DOTALL)
        state = dict(re.findall(r"^\t(\w+)=(.*)$", block[1], re.MULTILINE)) if block else {}
        if state.get("has_been_checked") == "1":
            return state
        time.sleep(0.1)
    raise AssertionError(f"Nagios checked nothing in 15 s:\n{log.read_text()}")


@pytest.mark.parametrize(("report", "verbosity"), [(RICH, 2), (HEALTHY, 1)], ids=["rich", "healthy"])
def test_nagios_takes_the_output_apart_as_we_meant_it(tmp_path: Path, report: Report, verbosity: int) -> None:
    output = render(report, Style(verbosity=verbosity, max_bytes=65536))
    first, _, long = output.partition("\n")
    text, _, data = first.partition(" | ")
    state = nagios_says(tmp_path, output, report.exit_code)
    assert state["current_state"] == str(report.exit_code)
    assert state["plugin_output"] == text
    assert state["performance_data"] == data
    assert state["long_plugin_output"] == long.rstrip("\n").replace("\n", "\\n")
