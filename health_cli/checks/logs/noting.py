"""Noting: adds up the records of a logging handler in this process. Needs the client library of Redis."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple

import redis

from health_cli.checks.flushing import Command, Flushing
from health_cli.checks.logs.records import Record
from health_cli.checks.logs.shared import (
    HOUR,
    KEPT,
    LEVEL,
    MESSAGE,
    MINUTE,
    TEXTS,
    minute_key,
    since_key,
    texts_key,
)
from health_cli.checks.logs.tally import folded, message_of, shortened

MOST = 200  # messages of one write that are told apart


class Notes(NamedTuple):
    """Records that were not written yet: how many of each minute, and the newest of each message."""

    minutes: dict[int, Counter[str]]
    texts: dict[str, Record]


class Noting(Flushing[Notes]):
    """Counts for one handler."""

    def __init__(
        self, connect: Callable[[float], redis.Redis], secret: str, handler: str, mask: Callable[[str], str]
    ) -> None:
        """Count under the keys of this handler; `mask` leaves out of a message what is secret."""
        self._secret, self._handler, self._mask = secret, handler, mask
        super().__init__(connect)

    def clear(self) -> None:
        """Forget all of them."""
        self._notes = Notes(defaultdict(Counter), {})

    def add(self, record: Record) -> None:
        """Count a record, whose time is known."""
        with self._lock:
            fields = self._notes.minutes[int((record.at or 0) // MINUTE)]
            fields[f"{LEVEL}|{record.level}"] += 1
            message = message_of(record.level, record.logger, folded(record.text))
            if message in self._notes.texts or len(self._notes.texts) < MOST:
                fields[f"{MESSAGE}|{message}"] += 1
                self._notes.texts[message] = record
        self.counted()

    def take(self) -> Notes | None:
        """Return the notes."""
        notes = self._notes
        self.clear()
        return notes if notes.minutes else None

    def forget(self, oldest: float) -> None:
        """Forget what is older."""
        for minute in [minute for minute in self._notes.minutes if minute < oldest // MINUTE]:
            del self._notes.minutes[minute]

    def commands(self, client: redis.Redis, batch: Notes) -> list[Command]:
        """Return what adds them; what new messages say only while those of the hour are not too many."""
        since, hours = since_key(self._secret, self._handler), self._by_hour(batch)
        allowed = {message for hour, texts in hours.items() for message in self._allowed(client, hour, texts)}
        first = str(min(batch.minutes) * MINUTE)
        found: list[Command] = [["SET", since, first, "NX", "EX", str(KEPT)], ["EXPIRE", since, str(KEPT)]]
        for minute, fields in batch.minutes.items():
            key = minute_key(self._secret, self._handler, minute)
            for name, count in fields.items():
                what, _, message = name.partition("|")
                if what == LEVEL or message in allowed:
                    found.append(["HINCRBY", key, name, str(count)])
            found.append(["EXPIRE", key, str(KEPT)])
        for hour, texts in hours.items():
            key = texts_key(self._secret, self._handler, hour)
            for message, record in texts.items():
                if message in allowed:
                    row = [record.level, record.logger, shortened(self._mask(record.text)), record.at]
                    found.append(["HSET", key, message, json.dumps(row)])
            found.append(["EXPIRE", key, str(KEPT)])
        return found

    def _by_hour(self, batch: Notes) -> dict[int, dict[str, Record]]:
        found: dict[int, dict[str, Record]] = defaultdict(dict)
        for message, record in batch.texts.items():
            found[int((record.at or 0) // HOUR)][message] = record
        return found

    def _allowed(self, client: redis.Redis, hour: int, texts: Mapping[str, Record]) -> list[str]:
        """Return the messages of an hour that may be written: those that are there, and as many new ones as fit."""
        key = texts_key(self._secret, self._handler, hour)
        pipeline = client.pipeline(transaction=False)
        pipeline.hlen(key)
        pipeline.hmget(key, list(texts))
        there, known = pipeline.execute()
        old = [message for message, text in zip(texts, known, strict=True) if text is not None]
        new = [message for message, text in zip(texts, known, strict=True) if text is None]
        return [*old, *new[: max(0, TEXTS - there)]]
