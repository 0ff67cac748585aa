"""The record's tables: runs, the metrics of each, what is left of them by the hour, alerts and silences.

Names and words are strings here, not foreign keys to users or choices of an enum: the record is written
by a process that has loaded nothing of the project but its settings.
"""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Index

HOST = 190
CHECK = 190
METRIC = 100
PROJECT = 190
WORD = 10
SCOPE = 16


class Name(models.CharField):  # type: ignore[type-arg]  # generic in its stubs, not at run time
    """A text of which two are the same only where each character is: MySQL's usual collations fold case and accents."""

    def db_parameters(self, connection: Any) -> Any:
        """Return the type of the column, for MySQL and MariaDB with a collation by code points."""
        parameters = super().db_parameters(connection)
        return {**parameters, "collation": "utf8mb4_bin"} if connection.vendor == "mysql" else parameters


class HealthRun(models.Model):
    """One recorded run.

    `duration` is in seconds, `trigger` says who asked for it (`command`, `task` or `page`), `report` is the report by
    the schema `health-cli/1`, and `state` what alerting remembers of each check after this run. `project` is the name
    of its state folder. `complete` says that all checks there are were to run, `scope` tells runs of the same checks
    from others, and `standing` is the worst status of all checks of the host after this run, those included that it
    did not look at. `condensed` says that its numbers are in the hours, so that it may be deleted once it is old.
    """

    uuid = models.UUIDField(unique=True)
    host = Name(max_length=HOST)
    started_at = models.DateTimeField()
    duration = models.FloatField()
    status = models.CharField(max_length=WORD)
    trigger = models.CharField(max_length=WORD)
    project = Name(max_length=PROJECT)
    complete = models.BooleanField()
    scope = models.CharField(max_length=SCOPE, default="", db_default="", editable=False)
    standing = models.CharField(max_length=WORD, default="", db_default="", editable=False)
    report = models.JSONField()
    state = models.JSONField(default=dict)
    condensed = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = "run"
        ordering = ("-started_at", "-id")
        indexes: ClassVar[list[Index]] = [
            Index(fields=["host", "started_at"], name="health_run_host"),
            Index(fields=["host", "complete", "started_at"], name="health_run_complete"),
            Index(fields=["host", "scope", "started_at"], name="health_run_scope"),
            Index(fields=["started_at"], name="health_run_started"),
            Index(fields=["condensed", "started_at"], name="health_run_condensed"),
        ]

    def __str__(self) -> str:
        return f"{self.host} {self.started_at:%Y-%m-%d %H:%M:%S} {self.status}"


class HealthSelection(models.Model):
    """The checks that runs of a host have looked at together: `scope` as in the runs, `seen_at` the newest of these.

    So few rows tell which hosts and selections there are. To find that out from the runs would mean to read them all.
    """

    host = Name(max_length=HOST)
    scope = models.CharField(max_length=SCOPE)
    seen_at = models.DateTimeField()

    class Meta:
        verbose_name = "selection"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["host", "scope"], name="health_selection_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} on {self.host}"


class LastRun(HealthRun):
    """The page's place in the admin's index: what it leads to shows the last run."""

    class Meta:
        proxy = True
        verbose_name = verbose_name_plural = "last run"


class Series(models.Model):
    """What tells one series of numbers from another, and the worst status: a metric of a check on a host."""

    host = Name(max_length=HOST)
    check_name = Name("check", max_length=CHECK)  # a model has a method `check` already
    metric_name = Name("metric", max_length=METRIC)
    unit = models.CharField(max_length=20, blank=True)
    status = models.CharField(max_length=WORD)

    class Meta:
        abstract = True


class HealthMetric(Series):
    """One number of one run.

    `value` is null where it could not be measured; `metric_value` says why, and has the thresholds. Each check has
    a metric of ours besides its own: `duration`, whose status is the check's.
    """

    run = models.ForeignKey(HealthRun, models.CASCADE, related_name="metrics")
    metric_value = models.JSONField()
    value = models.FloatField(null=True)
    timestamp = models.DateTimeField()

    class Meta:
        verbose_name = "metric"
        ordering = ("-timestamp", "-id")
        indexes: ClassVar[list[Index]] = [
            Index(fields=["host", "check_name", "metric_name", "timestamp"], name="health_metric_series"),
            Index(fields=["timestamp"], name="health_metric_time"),
        ]

    def __str__(self) -> str:
        return f"{self.check_name}/{self.metric_name} {self.value} {self.unit}".strip()


class HealthHour(Series):
    """What is kept of an hour of one metric: `count` is how many values there were; the rest is null without any."""

    hour = models.DateTimeField()
    minimum = models.FloatField(null=True)
    mean = models.FloatField(null=True)
    maximum = models.FloatField(null=True)
    count = models.PositiveIntegerField()

    class Meta:
        verbose_name = "hour"
        ordering = ("-hour", "-id")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["host", "check_name", "metric_name", "hour"], name="health_hour_series"),
        ]
        indexes: ClassVar[list[Index]] = [
            Index(fields=["hour"], name="health_hour_hour"),
            Index(fields=["host", "hour"], name="health_hour_host"),
        ]

    def __str__(self) -> str:
        return f"{self.check_name}/{self.metric_name} {self.hour:%Y-%m-%d %H}h"


class SystemAlert(models.Model):
    """An abnormal state of one check on one host that lasts, from `created_at` to `resolved_at`.

    `open_key` is a hash of host and check while the alert is open and null afterwards: a check has one open alert at
    most, and two whose names differ in their case alone have two. `count` is how many runs have found the state,
    `seen_at` when the last of them was.
    """

    class Severity(models.TextChoices):
        """How bad it is; an unknown state is a warning."""

        INFO = "info"
        WARNING = "warning"
        CRITICAL = "critical"

    alert_type = Name("check", max_length=CHECK)
    host = Name(max_length=HOST)
    message = models.TextField()
    hint = models.TextField(blank=True)
    severity = models.CharField(max_length=WORD, choices=Severity.choices)
    flapping = models.BooleanField(default=False)
    resolved = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.TextField(blank=True)
    count = models.PositiveIntegerField(default=1)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    by = models.CharField("acknowledged by", max_length=150, blank=True)
    why = models.TextField("acknowledged because", blank=True)
    open_key = models.CharField(max_length=64, unique=True, null=True, editable=False)

    class Meta:
        verbose_name = "alert"
        ordering = ("resolved", "-created_at", "-id")
        indexes: ClassVar[list[Index]] = [
            Index(fields=["resolved", "created_at"], name="health_alert_open"),
            Index(fields=["host", "alert_type", "created_at"], name="health_alert_check"),
        ]

    def __str__(self) -> str:
        return f"{self.alert_type} on {self.host}: {self.severity}"


class Silence(models.Model):
    """Checks whose alerts are told nobody, until a time, with who wants that and why. No `host` means all hosts."""

    pattern = models.CharField(max_length=CHECK)
    host = models.CharField(max_length=HOST, blank=True)
    until = models.DateTimeField()
    why = models.TextField()
    by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("until",)
        indexes: ClassVar[list[Index]] = [Index(fields=["until"], name="health_silence_until")]

    def __str__(self) -> str:
        return f"{self.pattern} until {self.until:%Y-%m-%d %H:%M}"
