"""The plugin output grammar, written down a second time: a strict reader to hold the formatter against."""

import re
import unicodedata
from dataclasses import dataclass

NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?"
RANGE = rf"@?(?:{NUMBER}|(?:~|{NUMBER}):(?:{NUMBER})?)"
ITEM = re.compile(
    rf"(?P<label>[A-Za-z0-9_-]+)=(?P<value>{NUMBER})(?P<unit>s|B|%|c|)"
    rf"(?:;(?P<warning>(?:{RANGE})?)(?:;(?P<critical>(?:{RANGE})?)"
    rf"(?:;(?P<min>(?:{NUMBER})?)(?:;(?P<max>{NUMBER}))?)?)?)?"
)
STATUS_LINE = re.compile(r"HEALTH (?P<state>OK|WARNING|CRITICAL|UNKNOWN) - (?P<text>\S.*)")


@dataclass(frozen=True)
class Item:
    """One item of performance data; a field that is not there is None."""

    label: str
    value: float
    unit: str
    warning: str | None
    critical: str | None
    min: float | None
    max: float | None


@dataclass(frozen=True)
class Output:
    """Plugin output, taken apart."""

    state: str
    text: str
    items: tuple[Item, ...]
    long: tuple[str, ...]


def parse(output: str) -> Output:
    """Take output apart; AssertionError says what is wrong with it."""
    assert output.endswith("\n"), "no line break at the end"
    first, *long = output[:-1].split("\n")
    assert not any("|" in line for line in long), "a pipe after the first line"
    assert not any(line != line.strip() or not line for line in long), "a blank line, or blanks around one"
    status, pipe, perfdata = first.partition("|")
    assert "|" not in perfdata, "more than one pipe"
    assert ";" not in status, "a semicolon, which Nagios rewrites"
    strange = {char for char in output.replace("\n", "") if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}}
    assert not strange, f"unprintable: {strange!r}"
    match = STATUS_LINE.fullmatch(status.removesuffix(" ") if pipe else status)
    assert match, f"no status line: {status!r}"
    if not pipe:
        return Output(match["state"], match["text"], (), tuple(long))
    assert re.fullmatch(r" \S+(?: \S+)*", perfdata), "items are joined by one blank"
    return Output(match["state"], match["text"], tuple(map(_item, perfdata.split())), tuple(long))


def _item(text: str) -> Item:
    match = ITEM.fullmatch(text)
    assert match, f"no performance data: {text!r}"
    assert not text.endswith(";"), "empty fields at the end are dropped"
    fields = match.groupdict()
    return Item(
        label=fields["label"],
        value=float(fields["value"]),
        unit=fields["unit"],
        warning=fields["warning"] or None,
        critical=fields["critical"] or None,
        min=float(fields["min"]) if fields["min"] else None,
        max=float(fields["max"]) if fields["max"] else None,
    )
