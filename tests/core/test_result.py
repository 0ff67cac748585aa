"""The verdict on one check: how metrics, findings and failures become one."""

import json

import pytest

from health_cli.core.errors import ConfigError, Failure, Skipped
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import metric
from health_cli.core.result import (
    Result,
    blocked,
    failed,
    fill,
    joined,
    judged,
    subsystem_of,
    timed_out,
    unfinished,
)
from health_cli.core.status import Status

TIME = metric("query_time", "s", warning="0.1", critical="1", hint="Look at the slow log.")
SIZE = metric("size", "B", warning="1KiB")


def finding(status: Status, word: str, hint: str = "") -> Finding:
    """A finding that is known by one word."""
    return Finding(status=status, kind=Kind.LAGGING, summary=word, message=f"it is {word}", hint=hint)


@pytest.mark.parametrize(
    ("name", "subsystem"),
    [
        ("host", "host"),
        ("host.memory", "host"),
        ("host.disk:/var", "host"),
        ("database:default", "database"),
        ("cache:a.b", "cache"),
    ],
)
def test_the_subsystem_of_a_name(name: str, subsystem: str) -> None:
    assert subsystem_of(name) == Result(name=name, status=Status.HEALTHY).subsystem == subsystem


def test_nothing_found_is_healthy() -> None:
    result = judged("a", [TIME.measured(0.01), SIZE.measured(None)], summary="10 ms", data={"version": "8"})
    assert (result.status, result.summary, result.message, result.kind) == (Status.HEALTHY, "10 ms", "10 ms", None)
    assert result.data == {"version": "8"}


def test_a_crossed_threshold_names_value_and_range() -> None:
    result = judged("a", [TIME.measured(2)], summary="well")
    assert (result.status, result.kind, result.summary) == (Status.CRITICAL, Kind.THRESHOLD, "query time 2 s")
    assert result.message == "query_time is 2 s (critical above 1 s)"
    assert result.hint == "Look at the slow log."


def test_the_worst_leads_and_all_are_told() -> None:
    findings = [finding(Status.WARNING, "odd"), finding(Status.CRITICAL, "stopped"), finding(Status.CRITICAL, "late")]
    result = judged("a", [TIME.measured(0.5), SIZE.measured(2048)], summary="well", findings=findings)
    assert (result.status, result.kind, result.summary) == (Status.CRITICAL, Kind.LAGGING, "stopped")
    told = [result.message.index(word) for word in ("stopped", "late", "odd", "query_time", "size")]
    assert told == sorted(told), "worst first, among equals in the order of finding"
    assert "health explain a" in result.hint, "there is always something to do next"


@pytest.mark.parametrize("status", [Status.WARNING, Status.UNKNOWN, Status.CRITICAL], ids=lambda s: s.word)
def test_every_bad_result_has_a_summary_a_message_and_a_hint(status: Status) -> None:
    results = [
        judged("a", [], summary="well", findings=[finding(status, "odd")]),
        failed("a", Failure(Kind.REFUSED, "Nobody listens.", status=status)),
        unfinished("a", 10, status=status),
    ]
    for result in results:
        assert result.status is status
        assert result.summary
        assert result.message
        assert result.hint
        assert result.kind


def test_declared_metrics_stay_in_place_with_or_without_a_value() -> None:
    measurement = Measurement(values={"query_time": 0.5, "other": 1}, missing={"size": "not allowed"})
    time, size = fill([TIME, SIZE], measurement)
    assert (time.value, size.value, size.reason) == (0.5, None, "not allowed")


def test_a_failure_keeps_its_kind_and_nulls_the_metrics() -> None:
    error = Failure(Kind.AUTH, "Access denied.\nFor root.", hint="Grant it.", summary="denied", status=Status.WARNING)
    result = failed("a", error, metrics=[TIME, SIZE])
    assert (result.status, result.kind, result.summary) == (Status.WARNING, Kind.AUTH, "denied")
    assert (result.message, result.hint) == ("Access denied.\nFor root.", "Grant it.")
    assert [(m.value, m.reason) for m in result.metrics] == [(None, "denied")] * 2


def test_a_failure_without_words_still_says_something() -> None:
    assert failed("a", Failure(Kind.FULL, "")).summary == "full"
    assert failed("a", Failure(Kind.FULL, "No room.\nNone.")).summary == "No room."
    assert failed("a", Failure(Kind.FULL, "No room.")).status is Status.CRITICAL


def test_a_configuration_error_is_unknown() -> None:
    result = failed("health.setup", ConfigError("No such key.", hint="Write TIMEOUT."))
    assert (result.status, result.kind, result.hint) == (Status.UNKNOWN, Kind.MISCONFIGURED, "Write TIMEOUT.")


def test_its_own_limit_is_critical_and_the_deadline_of_the_run_is_unknown() -> None:
    late, cut = timed_out("a", 0.5, metrics=[TIME]), unfinished("a", 10)
    assert (late.status, late.kind, late.metrics[0].reason) == (Status.CRITICAL, Kind.TIMEOUT, "timeout")
    assert "0.5 s" in late.message
    assert (cut.status, cut.kind) == (Status.UNKNOWN, Kind.UNFINISHED)


def test_a_blocked_one_is_skipped_and_names_what_blocks_it() -> None:
    result = blocked("celery.queue:emails", "celery.broker")
    assert (result.status, result.blocked_by, result.kind) == (Status.SKIPPED, "celery.broker", None)
    assert result.summary == "blocked by celery.broker"


@pytest.mark.parametrize(
    "result",
    [
        judged("a", [TIME.measured(0.01)], summary="well", data={"list": [1, {"deep": None}]}),
        judged("a", [TIME.measured(5), SIZE.measured(None, "no")], summary="well"),
        timed_out("a", 5, metrics=[TIME]),
        blocked("a", "b"),
    ],
    ids=["healthy", "critical", "timeout", "skipped"],
)
def test_json_and_back(result: Result) -> None:
    data = json.loads(json.dumps(result.to_json(), allow_nan=False))
    again = Result.from_json(data)
    assert again.to_json() == data
    assert (again.name, again.status, again.kind) == (result.name, result.status, result.kind)
    assert [m.value for m in again.metrics] == [m.value for m in result.metrics]


def test_json_has_the_keys_of_the_schema() -> None:
    assert list(timed_out("host.disk:/", 5).to_json()) == [
        "name", "subsystem", "status", "summary", "message", "hint", "kind", "duration", "blocked_by", "metrics",
        "data",
    ]  # fmt: skip


@pytest.mark.parametrize("spoil", [{"status": "fine"}, {"kind": "odd"}, {"status": ""}], ids=str)
def test_what_is_no_result_is_refused(spoil: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"not a status|not a valid Kind"):
        Result.from_json({**blocked("a", "b").to_json(), **spoil})


@pytest.mark.parametrize(
    ("own", "further", "status", "words"),
    [
        (Status.HEALTHY, [], Status.HEALTHY, "own"),
        (Status.WARNING, [], Status.WARNING, "own"),
        (Status.HEALTHY, [Status.WARNING], Status.WARNING, "it is warning"),
        (Status.WARNING, [Status.WARNING], Status.WARNING, "own; it is warning"),
        (Status.UNKNOWN, [Status.WARNING], Status.UNKNOWN, "own; it is warning"),
        (Status.CRITICAL, [Status.WARNING], Status.CRITICAL, "own; it is warning"),
        (Status.WARNING, [Status.CRITICAL], Status.CRITICAL, "it is critical; own"),
    ],
)
def test_what_is_joined_makes_nothing_better(own: Status, further: list[Status], status: Status, words: str) -> None:
    result = Result(name="a", status=own, summary="own", message="own", hint="own", metrics=(TIME,), data={"b": 1})
    whole = joined(result, [SIZE], [finding(s, s.word, hint="further") for s in further])
    leads = "further" if status is not own else "own"
    assert (whole.status, whole.message, whole.hint) == (status, words, leads)
    assert whole.summary == (status.word if status is not own else "own")
    assert (whole.metrics, whole.data) == ((TIME, SIZE), {"b": 1})


def test_what_was_skipped_says_why_and_nothing_to_do() -> None:
    result = failed("a", Skipped("There is no cache.", summary="no cache"), metrics=[TIME])
    assert (result.status, result.kind, result.hint) == (Status.SKIPPED, None, "")
    assert (result.summary, result.message, result.metrics[0].reason) == ("no cache", "There is no cache.", "no cache")
    assert failed("a", Skipped("")).summary == "skipped"
    assert "which was skipped" in blocked("b", "a", skipped=True).message
    assert "which is not well" in blocked("b", "a").message
