"""Tally: how many records there were in each minute of a window, by level and by what they say. Kept between runs."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from health_cli.checks.logs.records import BAD, Record

MINUTE = 60
GROUPS = 100  # messages that are told apart; those seen last stay
LONGEST = 300  # characters of a message that are kept
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}")  # of e-mail
_LAST_BLANK = re.compile(r"\s\S*\Z")
# What differs between two records of one kind: ids, addresses and numbers.
_FOLDED = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b0x[0-9a-f]+\b|\b(?=[a-f]*\d)[0-9a-f]{8,}\b|\d+",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Group:
    """Records that say the same: the newest of them, and how many there were in each minute."""

    level: str
    logger: str
    text: str
    last: float
    minutes: Counter[int] = field(default_factory=Counter)

    def to_json(self) -> list[Any]:
        """The group as it is kept."""
        return [self.level, self.logger, self.text, self.last, dict(self.minutes)]

    @classmethod
    def from_json(cls, data: list[Any]) -> "Group":
        """Read back what `to_json` wrote."""
        level, logger, text, last, minutes = data
        return cls(level, logger, text, last, Counter({int(minute): count for minute, count in minutes.items()}))


def folded(text: str) -> str:
    """Return a message without what differs between two of its kind."""
    text = text[:LONGEST]
    return _FOLDED.sub("N", _ADDRESS.sub("N", text) if "@" in text else text)


def message_of(level: str, logger: str, folded: str) -> str:
    """Return what tells one message from others."""
    return hashlib.blake2b(f"{level} {logger} {folded}".encode(errors="replace"), digest_size=8).hexdigest()


def shortened(text: str) -> str:
    """Return the beginning of a message, cut at a blank: half a URL would not be known to have a password in it."""
    if len(text) <= LONGEST:
        return text
    return f"{_LAST_BLANK.sub('', text[:LONGEST]) if _LAST_BLANK.search(text[:LONGEST]) else ''} ..."


class Tally:
    """Counts records by minutes; whatever is older than the window is forgotten."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.levels: dict[str, Counter[int]] = {level: Counter() for level in BAD}
        self.groups_by_key: dict[str, Group] = {}

    def add(self, records: Iterable[Record], at: float) -> None:
        """Count records; `at` is the time of those that tell none."""
        for record in records:
            seconds = at if record.at is None else min(record.at, at)
            minute = int(seconds // MINUTE)
            self.levels[record.level][minute] += 1
            key = message_of(record.level, record.logger, folded(record.text))
            group = self.groups_by_key.get(key)
            if group is None:
                group = self.groups_by_key[key] = Group(record.level, record.logger, "", 0.0)
            group.minutes[minute] += 1
            if seconds >= group.last:
                group.last, group.text = seconds, shortened(record.text)

    def forget(self, before: float) -> None:
        """Forget what is older, and of the messages those that have been away longest."""
        first = int(before // MINUTE)
        for minutes in (*self.levels.values(), *(group.minutes for group in self.groups_by_key.values())):
            for minute in [minute for minute in minutes if minute < first]:
                del minutes[minute]
        newest = sorted(self.groups_by_key.items(), key=lambda item: -item[1].last)
        self.groups_by_key = {key: group for key, group in newest[:GROUPS] if group.minutes}

    def counts(self) -> dict[str, int]:
        """Return how many records there are of each level."""
        return {level: minutes.total() for level, minutes in self.levels.items()}

    def groups(self, most: int) -> list[Group]:
        """Return the messages, the worse and then the more frequent first."""
        order = sorted(self.groups_by_key.values(), key=lambda g: (-BAD.index(g.level), -g.minutes.total(), -g.last))
        return order[:most]

    def to_json(self, mask: Callable[[str], str]) -> dict[str, Any]:
        """The tally as it is kept, its messages masked."""
        levels = {level: dict(minutes) for level, minutes in self.levels.items()}
        for group in self.groups_by_key.values():
            group.text = mask(group.text)
        return {"levels": levels, "groups": {key: group.to_json() for key, group in self.groups_by_key.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Tally":
        """Read back what `to_json` wrote; KeyError, TypeError or ValueError where it is not that."""
        tally = cls()
        for level in BAD:
            tally.levels[level].update({int(minute): int(count) for minute, count in data["levels"][level].items()})
        tally.groups_by_key = {key: Group.from_json(group) for key, group in data["groups"].items()}
        return tally
