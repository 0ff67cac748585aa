"""The format `nagios`: its promises, on reports of any content."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from health_cli.core.check import verify_name
from health_cli.core.errors import ConfigError
from health_cli.core.metric import Metric
from health_cli.core.report import FailOn, Report
from health_cli.core.status import Status
from health_cli.core.threshold import Threshold
from health_cli.formatters import Style
from health_cli.formatters.nagios import label, render
from health_cli.testing import FakeRun, fake_result
from tests.formatters.nagios_grammar import Item, Output, parse
from tests.formatters.sample import HEALTHY, RICH
from tests.formatters.strategies import NUMBERS, reports

UNLIMITED = 1 << 24
STATES = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN", 130: "UNKNOWN"}


def output(report: Report, *, verbosity: int = 0, max_bytes: int = UNLIMITED) -> Output:
    return parse(render(report, Style(verbosity=verbosity, max_bytes=max_bytes)))


def item(metric: Metric) -> Item:
    return output(replace(HEALTHY, checks=(fake_result("shop.x", metrics=[metric]),))).items[0]


@settings(max_examples=80, deadline=None)
@given(reports(), st.integers(min_value=0, max_value=2))
def test_the_grammar_and_the_state_hold_for_every_report(report: Report, verbosity: int) -> None:
    found = output(report, verbosity=verbosity)
    assert found.state == STATES[report.exit_code]
    measured = [metric for result in report.checks for metric in result.metrics if metric.value is not None]
    assert [entry.value for entry in found.items] == [float(metric.value or 0) for metric in measured]


@settings(max_examples=100, deadline=None)
@given(reports(), st.integers(min_value=80, max_value=1500), st.integers(min_value=0, max_value=2))
def test_the_size_is_kept_by_leaving_out_whole_parts(report: Report, max_bytes: int, verbosity: int) -> None:
    text = render(report, Style(verbosity=verbosity, max_bytes=max_bytes))
    assert 0 < len(text.encode()) <= max_bytes
    cut, whole = parse(text), output(report, verbosity=verbosity)
    assert cut.items == whole.items[: len(cut.items)]
    said = [line for line in cut.long if line.endswith((" line left out]", " lines left out]"))]
    kept = [line for line in cut.long if line not in said]
    if kept and kept[0].endswith(" [cut]"):
        assert len(kept) == 1 and whole.long[0].startswith(kept.pop().removesuffix(" [cut]").rstrip())
    assert kept == list(whole.long[: len(kept)])
    if cut.long and not said and kept:
        assert cut.long == whole.long


@settings(max_examples=60, deadline=None)
@given(reports())
def test_what_fits_is_not_cut(report: Report) -> None:
    whole = render(report, Style(max_bytes=UNLIMITED))
    assert render(report, Style(max_bytes=len(whole.encode()))) == whole


@settings(max_examples=60, deadline=None)
@given(reports())
def test_long_text_goes_before_any_performance_data(report: Report) -> None:
    first = render(report, Style(max_bytes=UNLIMITED)).split("\n")[0] + "\n"
    text = render(report, Style(max_bytes=max(80, len(first.encode()))))
    assert text.startswith(first)


@settings(max_examples=60, deadline=None)
@given(reports(), st.data())
def test_the_same_checks_give_the_same_items_in_the_same_order(report: Report, data: st.DataObject) -> None:
    changed = replace(
        report,
        checks=tuple(
            replace(
                result,
                status=data.draw(st.sampled_from(Status)),
                message="changed",
                metrics=tuple(
                    metric if metric.value is None else replace(metric, value=data.draw(NUMBERS))
                    for metric in result.metrics
                ),
            )
            for result in report.checks
        ),
    )
    before, after = output(report), output(changed)
    assert [entry.label for entry in before.items] == [entry.label for entry in after.items]


def test_items_keep_the_order_of_the_plan_not_that_of_badness() -> None:
    bad_last = [fake_result("a.a", metrics=[Metric(name="x", value=1)])]
    bad_last += [fake_result("b.b", Status.CRITICAL, metrics=[Metric(name="y", value=2)])]
    assert [entry.label for entry in output(replace(HEALTHY, checks=tuple(bad_last))).items] == ["a_a_x", "b_b_y"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("host.disk:/a", "used"), ("host.disk:/a/", "used")),
        (("host.disk:/a/b", "used"), ("host.disk:/a_b", "used")),
        (("shop.a", "b_c"), ("shop.a_b", "c")),
        (("queue:日本", "length"), ("queue:中国", "length")),
    ],
)
def test_of_two_values_with_one_label_the_first_is_written(first: tuple[str, str], second: tuple[str, str]) -> None:
    """What is declared is refused before a run; what only turns up in it must not spoil the verdict."""
    checks = [fake_result(n, metrics=[Metric(name=w, value=v)]) for v, (n, w) in enumerate((first, second))]
    found = output(replace(HEALTHY, checks=tuple(checks)))
    assert [entry.label for entry in found.items] == [label(*first)]
    assert label(*first) == label(*second)


@pytest.mark.parametrize("name", ["cache:a\x1b[2J", "cache:\x00", "cache:a\x7f", "cache:\x9b31m"])
def test_no_name_with_a_control_character_gets_as_far_as_the_output(name: str) -> None:
    with pytest.raises(ConfigError):
        verify_name(name)


def test_a_label_is_the_full_name_in_the_safe_alphabet() -> None:
    checks = (fake_result("host.disk:/var/lib-x", metrics=[Metric(name="used_percent", value=1, unit="%")]),)
    assert output(replace(HEALTHY, checks=checks)).items[0].label == "host_disk_var_lib-x_used_percent"


@pytest.mark.parametrize(
    ("threshold", "text"),
    [
        ("80", "80"), ("0:80", "80"), ("10:", "10:"), ("~:5", "~:5"), ("10:20", "10:20"), ("@10:20", "@10:20"),
        ("@~:10", "@~:10"), ("0", "0"), ("1.50", "1.5"), ("-1:1", "-1:1"), ("0:", "0:"), ("~:", "~:"),
    ],
)  # fmt: skip
def test_thresholds_are_written_in_the_shortest_equal_form(threshold: str, text: str) -> None:
    found = item(Metric(name="x", value=3, warning=Threshold.parse(threshold)))
    assert (found.warning, found.critical) == (text, None)
    found = item(Metric(name="x", value=3, critical=Threshold.parse(threshold)))
    assert (found.warning, found.critical) == (None, text)


@pytest.mark.parametrize("value", [0, -0.0, 1e-9, 5e-324, 1.5, 1e21, 1.7976931348623157e308, 2**63, -2.5, 1 / 3])
def test_a_value_is_fixed_point_and_reads_back_as_itself(value: float) -> None:
    assert item(Metric(name="x", value=value)).value == value


def test_a_large_count_keeps_every_digit() -> None:
    report = replace(HEALTHY, checks=(fake_result("shop.x", metrics=[Metric(name="x", value=2**63 + 1, unit="c")]),))
    assert "| shop_x_x=9223372036854775809c\n" in render(report, Style())


def test_units_other_than_the_four_are_dropped() -> None:
    units = {unit: item(Metric(name="x", value=1, unit=unit)).unit for unit in ("s", "B", "%", "c", "", "orders")}
    assert units == {"s": "s", "B": "B", "%": "%", "c": "c", "": "", "orders": ""}


def test_what_could_not_be_measured_is_left_out() -> None:
    labels = [entry.label for entry in output(RICH).items]
    assert "cache_default_evicted_keys" not in labels
    assert "database_default_query_time" not in labels
    assert len(labels) == sum(metric.value is not None for result in RICH.checks for metric in result.metrics)


def test_the_status_line_begins_with_the_worst_and_ends_with_the_counts() -> None:
    assert output(RICH).text == (
        "database:default refused at 127.0.0.1:3306 (3 critical, 3 unknown, 2 warning, 3 healthy, 1 skipped)"
    )
    assert output(HEALTHY).text == "3 healthy"


def test_unknown_leads_before_warning() -> None:
    report = FakeRun().add("a.warn", Status.WARNING).add("b.unknown", Status.UNKNOWN).report()
    assert output(report).text.startswith("b.unknown ")
    assert [line.split("]")[0] for line in output(report).long] == ["[UNKNOWN", "[WARNING"]


@pytest.mark.parametrize(
    ("statuses", "fail_on", "state"),
    [
        ([], FailOn.WARNING, "UNKNOWN"),
        ([Status.SKIPPED], FailOn.WARNING, "UNKNOWN"),
        ([Status.HEALTHY, Status.SKIPPED], FailOn.WARNING, "OK"),
        ([Status.WARNING], FailOn.CRITICAL, "OK"),
        ([Status.UNKNOWN], FailOn.CRITICAL, "UNKNOWN"),
        ([Status.CRITICAL], FailOn.NEVER, "OK"),
        ([Status.CRITICAL, Status.UNKNOWN], FailOn.WARNING, "CRITICAL"),
    ],
)
def test_the_state_word_fits_the_exit_code(statuses: list[Status], fail_on: FailOn, state: str) -> None:
    run = FakeRun()
    for number, status in enumerate(statuses):
        run.add(f"fake.n{number}", status)
    assert output(replace(run.report(), fail_on=fail_on)).state == state


def test_healthy_checks_are_listed_from_v_on_and_noise_from_vv_on() -> None:
    assert not any(line.startswith("[OK]") for line in output(RICH).long)
    assert "[OK] cache:default: PONG in 412 us" in output(RICH, verbosity=1).long
    assert not any(line == "ZeroDivisionError: division by zero" for line in output(RICH, verbosity=1).long)
    lines = output(RICH, verbosity=2).long
    assert "ZeroDivisionError: division by zero" in lines
    assert "a check printed a pipe" in lines


def test_a_line_that_is_too_long_by_itself_is_cut_not_left_out() -> None:
    run = FakeRun()
    run.add("fake.one", Status.CRITICAL, message="é" * 4000)
    run.add("fake.two", Status.WARNING, message="short")
    found = output(run.report(), max_bytes=1000)
    assert len(found.text.encode()) <= 1000
    line, said = found.long
    assert line.startswith("[CRITICAL] fake.one: ééé") and line.endswith("é [cut]")
    assert said == "[1 line left out]"


def test_what_is_left_out_is_counted() -> None:
    whole = output(RICH)
    found = output(RICH, max_bytes=3000)
    assert found.items == whole.items
    *kept, said = found.long
    assert tuple(kept) == whole.long[: len(kept)]
    assert said == f"[{len(whole.long) - len(kept)} lines left out]"
    small = output(RICH, max_bytes=300)
    assert f"[{len(whole.items) - len(small.items)} values left out]" in small.text
