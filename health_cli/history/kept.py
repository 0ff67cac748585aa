"""Kept: a report that is to be recorded, and the run that it becomes once it is known what was before."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from health_cli.core.report import Report
from health_cli.history.alerts import Memories, Rules, decide
from health_cli.history.channels.message import Notice, to_json
from health_cli.history.place import Place
from health_cli.history.spool import SpooledRun


class Kept(NamedTuple):
    """A report, with what the settings said about the record, and whether all checks there are were to run.

    `trigger` says who asked for the run, `place` whose it is.
    """

    report: Report
    setting: Mapping[str, Any]
    complete: bool
    trigger: str
    place: Place

    @property
    def at(self) -> float:
        """When the run began, in seconds since the epoch."""
        return epoch_of(self.report.started_at)

    def decided(self, before: Memories, serial: int = 0, later: Collection[str] = ()) -> SpooledRun:
        """Return the run of that number; its state has what is remembered of each check, and what is to be told.

        Of the checks that a `later` run has looked at already, which ended before this one, it is no news.
        """
        at = self.at
        rules = Rules(self.setting.get("after", {}), self.setting.get("good", {}))
        decision = decide(before, self.report, at, rules, complete=self.complete, later=later)
        notices = []
        if decision.turns and self.setting.get("tells"):
            notice = Notice(str(uuid.uuid4()), self.report.host, self.place.project, at, decision.turns)
            notices = [{**to_json(notice), "told": []}]
        checks = {name: memory.to_json() for name, memory in decision.memories.items()}
        return SpooledRun(
            serial=serial,
            uuid=self.report.run,
            at=at,
            trigger=self.trigger,
            complete=self.complete,
            report=self.report.to_json(),
            state={"checks": checks, "notices": notices},
            opened=decision.opened,
            ended=decision.ended,
            project=self.place.folder.name,
        )


def epoch_of(text: str) -> float:
    """Return a time of a report as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()
