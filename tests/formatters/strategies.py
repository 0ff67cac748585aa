"""Reports as hypothesis makes them up: any text, number and threshold that core lets through."""

from hypothesis import strategies as st

from health_cli.core.assembly import safe
from health_cli.core.kind import Kind
from health_cli.core.metric import Metric
from health_cli.core.redaction import Redactor
from health_cli.core.report import FailOn, Report
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.threshold import Threshold

TEXTS = st.text(max_size=60) | st.text(alphabet="|;='\" \t\n\r\x1b[31mäЖ日🙂\u2028a", max_size=40)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
# Thresholds end at 1e300.
ENDS = st.floats(min_value=-9e299, max_value=9e299) | st.integers(min_value=-(2**70), max_value=2**70)
NUMBERS = FINITE | st.integers(min_value=-(2**70), max_value=2**70)
PRINTABLE = st.characters(blacklist_categories=("C", "Z"), blacklist_characters="|'\"=;")
WORDS = st.from_regex(r"[a-z][a-z0-9_-]{0,11}", fullmatch=True)
DATA = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def thresholds(draw: st.DrawFn) -> Threshold:
    """Make a range of any shape."""
    low, high = sorted(draw(st.tuples(ENDS, ENDS)))
    start = draw(st.sampled_from([low, 0 if high >= 0 else low, float("-inf")]))
    return Threshold(start, draw(st.sampled_from([high, float("inf")])), draw(st.booleans()))


@st.composite
def metrics(draw: st.DrawFn, number: int) -> Metric:
    """Make a metric, measured or not, with a name that its number makes unique."""
    value = draw(st.none() | NUMBERS)
    warning, critical = draw(st.none() | thresholds()), draw(st.none() | thresholds())
    if warning and critical and critical.hides(warning):
        warning = None
    return Metric(
        name=f"m{number}_{draw(WORDS)}",
        value=value,
        unit=draw(st.sampled_from(["", "s", "B", "%", "c", "orders", "B/s"])),
        warning=warning,
        critical=critical,
        min=draw(st.none() | NUMBERS),
        max=draw(st.none() | NUMBERS),
        reason="" if value is not None else draw(TEXTS),
    )


@st.composite
def results(draw: st.DrawFn, number: int) -> Result:
    """Make a result, its texts made safe as core does it."""
    instance = draw(st.none() | st.text(PRINTABLE, min_size=1, max_size=20))
    name = f"s{number}.{draw(WORDS)}" + (f":{instance}" if instance else "")
    count = draw(st.integers(min_value=0, max_value=3))
    result = Result(
        name=name,
        status=draw(st.sampled_from(Status)),
        summary=draw(TEXTS),
        message=draw(TEXTS),
        hint=draw(TEXTS),
        kind=draw(st.none() | st.sampled_from(Kind)),
        metrics=tuple(draw(metrics(index)) for index in range(count)),
        data=draw(st.dictionaries(TEXTS, DATA, max_size=3)),
        duration=draw(st.floats(min_value=0, max_value=1e5)),
        blocked_by=draw(st.none() | st.just("celery.broker")),
        detail=draw(TEXTS),
    )
    return safe(result, Redactor())


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Make a report of up to four checks."""
    count = draw(st.integers(min_value=0, max_value=4))
    return Report(
        run=str(draw(st.uuids())),
        host=draw(st.text(PRINTABLE, max_size=20)),
        version="0.1.0",
        started_at="2026-11-23T15:04:05.678Z",
        duration=draw(st.floats(min_value=0, max_value=1e5)),
        checks=tuple(draw(results(index)) for index in range(count)),
        fail_on=draw(st.sampled_from(FailOn)),
        isolation=draw(st.sampled_from(["process", "threads"])),
        interrupted=draw(st.sampled_from([None, 2, 15])),
        noise=draw(st.just("") | st.just("a | b\n\n\tc")),
    )
