"""What the checks of Celery share: the project's app, and one survey of the workers for all of them."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from health_cli.core.check import Check, Requirement
from health_cli.core.errors import Failure
from health_cli.core.guard import Crash, attempt

BROKER = "celery.broker"
CELERY = Requirement("celery", "celery")


class Project:
    """The Celery app of a project, or why there is none, and what has been asked of its workers in this run.

    All checks of a run share one: the workers are asked once, whoever comes first.
    """

    def __init__(
        self,
        app: Any = None,
        *,
        problem: Failure | None = None,
        queues: tuple[str, ...] = (),
        management: str = "",
    ) -> None:
        """`queues` are those that tasks are routed to; `problem` is raised by whoever needs the app.

        `management` is the URL of RabbitMQ's management API.
        """
        self._app, self._problem = app, problem
        self.queues, self.management = queues, management
        self._lock = threading.Lock()
        self._survey: Any = None

    @property
    def app(self) -> Any:
        """The app; Failure where it could not be loaded."""
        if self._problem:
            raise self._problem
        return self._app

    def survey(self, ask: Callable[[], Any]) -> Any:
        """Return what the workers said: `ask` is called by the first who wants to know, its failure is everybody's."""
        with self._lock:
            if self._survey is None:
                self._survey = attempt(ask)
        if isinstance(self._survey, Crash):
            raise self._survey.error
        return self._survey


@dataclass(frozen=True, kw_only=True)
class CeleryCheck(Check):
    """A check of the project's Celery; `conf` is the app's configuration, where its secrets are."""

    project: Project = field(default_factory=Project, repr=False)
    conf: Mapping[str, Any] = field(default_factory=dict, repr=False)
    needs: tuple[str, ...] = (BROKER,)

    requires: ClassVar[tuple[Requirement, ...]] = (CELERY,)
