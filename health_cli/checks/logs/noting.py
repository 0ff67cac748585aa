"""Noting: adds up the records of a logging handler in this process. Needs the client library of Redis."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import NamedTuple

import redis

from health_cli.checks.flushing import Flushing
from health_cli.checks.logs.records import Record
from health_cli.checks.logs.shared import (
    KEPT,
    LEVEL,
    MESSAGE,
    MINUTE,
    TEXTS,
    message_of,
    minute_key,
    since_key,
    texts_key,
)
from health_cli.checks.logs.tally import LONGEST, folded

MOST = 200  # messages of one write that are told apart


class Notes(NamedTuple):
    """Records that were not written yet: how many of each minute, and the newest of each message."""

    minutes: dict[int, Counter[str]]
    texts: dict[str, Record]


class Noting(Flushing[Notes]):
    """Counts for one handler."""

    def __init__(self, connect: Callable[[], redis.Redis], secret: str, handler: str) -> None:
        """Count under the keys of this handler."""
        self._secret, self._handler = secret, handler
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

    def keep(self, batch: Notes, oldest: float) -> None:
        """Take them back."""
        for minute, fields in batch.minutes.items():
            if minute >= oldest // MINUTE:
                self._notes.minutes[minute] += fields
        for message, record in batch.texts.items():
            self._notes.texts.setdefault(message, record)

    def write(self, client: redis.Redis, batch: Notes) -> None:
        """Write them; new messages only while there are not too many."""
        texts, since = texts_key(self._secret, self._handler), since_key(self._secret, self._handler)
        has_room = client.hlen(texts) < TEXTS
        pipeline = client.pipeline(transaction=True)
        first = min(batch.minutes) * MINUTE
        pipeline.set(since, first, nx=True, ex=KEPT)
        pipeline.expire(since, KEPT)
        for minute, fields in batch.minutes.items():
            key = minute_key(self._secret, self._handler, minute)
            for name, count in fields.items():
                pipeline.hincrby(key, name, count)
            pipeline.expire(key, KEPT)
        for message, record in batch.texts.items() if has_room else ():
            pipeline.hset(texts, message, json.dumps([record.level, record.logger, record.text[:LONGEST], record.at]))
        pipeline.expire(texts, KEPT)
        pipeline.execute()
