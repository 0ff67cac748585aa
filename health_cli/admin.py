"""The record in the admin: runs and metrics to look at, alerts to acknowledge and resolve, silences to set."""

import time
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import cached_property

from health_cli.config.django_source import health_setting
from health_cli.config.page_url import page_url
from health_cli.core.status import Status
from health_cli.core.units import humanize
from health_cli.history.handling import acknowledge, resolve, silence
from health_cli.models import HealthMetric, HealthRun, LastRun, Silence, SystemAlert
from health_cli.page.hosts import known_hosts

A_WHILE = 2 * 3_600  # seconds that a silence from the list of alerts takes


def _alias() -> str:
    """Return the alias of the database that is recorded in."""
    return health_setting().RECORD_DATABASE


class OfStatus(admin.SimpleListFilter):
    """Chooses by status. The words are known: to look for them would read the whole table."""

    title, parameter_name = "status", "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The words, the worst first."""
        return [(status.word, status.word) for status in sorted(Status, reverse=True)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of one status."""
        return queryset.filter(status=self.value()) if self.value() else queryset


class OfHost(admin.SimpleListFilter):
    """Chooses by host."""

    title, parameter_name = "host", "host"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The hosts that have recorded."""
        return [(host.name, host.name) for host in known_hosts(_alias())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of one host."""
        return queryset.filter(host=self.value()) if self.value() else queryset


class Newest(Paginator):  # type: ignore[type-arg]  # generic in its stubs, not at run time
    """Pages of the newest rows alone: to count all of a large table takes the database seconds."""

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        """How many rows there are, of those that are shown."""
        rows: Any = self.object_list
        return int(rows[: self.MOST].count())


class ForSuperusers(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in its stubs, not at run time
    """Seen by active superusers alone; recorded rows are changed by nobody."""

    show_full_result_count = False
    paginator = Newest
    large: tuple[str, ...] = ()  # columns that a list does not show: a page of reports takes megabytes

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        """Go back to where one came from."""
        return self._back(request) or super().response_post_save_change(request, obj)

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        """Go back to where one came from."""
        return self._back(request) or super().response_post_save_add(request, obj)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        """Go back to where one came from."""
        return self._back(request) or super().response_delete(request, obj_display, obj_id)

    def _back(self, request: HttpRequest) -> HttpResponseRedirect | None:
        if request.GET.get("from") != "page" or not page_url():
            return None
        return redirect(f"{page_url()}?{urlencode({'host': request.GET.get('back', '')})}")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of the database that is recorded in."""
        return super().get_queryset(request).using(_alias()).defer(*self.large)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete a row there."""
        obj.delete(using=_alias())

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the app is listed."""
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether rows may be seen."""
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only recording runs add rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was recorded stays as it is."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Retention deletes."""
        return False


@admin.register(LastRun)
class LastRunAdmin(ForSuperusers):
    """The page, in the index and the sidebar."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether it is listed: where the project has given the page a URL."""
        return bool(page_url()) and super().has_module_permission(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Go to the page; nobody may where it has no URL."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return redirect(page_url())


@admin.register(HealthRun)
class HealthRunAdmin(ForSuperusers):
    """The recorded runs."""

    large = ("report", "state")

    list_display = ("started_at", "host", "status", "duration", "trigger")
    list_filter = (OfStatus, OfHost)
    exclude = ("state",)


@admin.register(HealthMetric)
class HealthMetricAdmin(ForSuperusers):
    """What they measured."""

    large = ("metric_value",)

    list_display = ("timestamp", "host", "check_name", "metric_name", "shown", "status")
    list_filter = (OfStatus, OfHost)
    exclude = ("run",)  # a router that knows other databases would look for it there
    search_fields = ("check_name",)
    search_help_text = "A check, or check/metric, by its whole name: host.memory/used_percent"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by whole names on each host, by the index of the series: nothing else could be found in time."""
        name = search_term.strip()
        check, _, metric = name.rpartition("/")
        if name:
            named = Q(check_name=name) | Q(check_name=check, metric_name=metric)
            queryset = queryset.filter(named, host__in=[host.name for host in known_hosts(_alias())])
        return queryset, False

    @admin.display(description="value")
    def shown(self, metric: HealthMetric) -> str:
        """The value with its unit, for people."""
        return "n/a" if metric.value is None else humanize(metric.value, metric.unit)


@admin.register(SystemAlert)
class SystemAlertAdmin(ForSuperusers):
    """The alerts, with what people do about them."""

    list_display = ("alert_type", "host", "severity", "created_at", "resolved", "resolved_at", "count", "by")
    list_filter = ("resolved", "severity", OfHost)
    search_fields = ("alert_type", "host", "message")
    actions = ("acknowledge", "resolve", "silence")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What it says, and what somebody has to say to that; all else below."""
        first = ("message", "hint", "why")
        rest = [f.name for f in SystemAlert._meta.fields if f.name not in {*first, "id", "open_key"}]
        return [(None, {"fields": first}), ("What was recorded", {"fields": rest, "classes": ("collapse",)})]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers say why an open alert may wait, and acknowledge it by that."""
        return self.has_module_permission(request) and not (obj and obj.resolved)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All that was recorded."""
        return [field.name for field in SystemAlert._meta.fields if field.name not in {"why", "open_key"}]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Say what saving means."""
        said = {"title": "Acknowledge an alert", "show_save_and_continue": False, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, said)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write down who acknowledges it, and when; what a run may change meanwhile is left alone."""
        acknowledge(
            SystemAlert.objects.using(obj._state.db).filter(pk=obj.pk), by=request.user.get_username(), why=obj.why
        )

    @admin.action(description="Acknowledge: I have seen it")
    def acknowledge(self, request: HttpRequest, alerts: QuerySet[SystemAlert]) -> None:
        """Write down who has seen these."""
        count = acknowledge(alerts, by=request.user.get_username())
        self.message_user(request, f"Acknowledged: {count}. What is resolved already was left as it is.")

    @admin.action(description="Resolve: it is over")
    def resolve(self, request: HttpRequest, alerts: QuerySet[SystemAlert]) -> None:
        """End these by hand."""
        count = resolve(alerts, by=request.user.get_username())
        self.message_user(request, f"Resolved: {count}. What is still bad opens another one by the run after the next.")

    @admin.action(description="Silence for 2 hours: tell nobody of these checks")
    def silence(self, request: HttpRequest, alerts: QuerySet[SystemAlert]) -> None:
        """Let nobody be told of the checks of these, each on its host."""
        until, by = time.time() + A_WHILE, request.user.get_username()
        places = sorted(set(alerts.values_list("alert_type", "host")))
        for check, host in places:
            silence(_alias(), pattern=check, host=host, until=until, why="in the admin", by=by)
        self.message_user(
            request, f"Silenced for 2 hours: {', '.join(f'{check} on {host}' for check, host in places)}."
        )


class SilenceForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in its stubs, not at run time
    """Which checks, where, how long and why."""

    class Meta:
        help_texts: ClassVar[dict[str, str]] = {
            "pattern": "A check (database:default), the leading part of one (host, host.disk) or a glob (*:default).",
            "host": "The name of a host; empty: on all hosts.",
        }

    def clean_until(self) -> Any:
        """Refuse what would be over already."""
        until = self.cleaned_data["until"]
        if until <= timezone.now():
            raise forms.ValidationError("That is in the past: give a time to come.")
        return until


@admin.register(Silence)
class SilenceAdmin(ForSuperusers):
    """The silences, which people set here too."""

    form = SilenceForm
    list_display = ("pattern", "host", "until", "by", "why")
    fields = ("pattern", "host", "until", "why")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the page asks for, for a while."""
        return {"until": timezone.now() + timedelta(seconds=A_WHILE), **super().get_changeform_initial_data(request)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers silence."""
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """And end silences."""
        return self.has_module_permission(request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write down who wants that, and when."""
        obj.by, obj.created_at = request.user.get_username(), timezone.now()
        obj.save(using=_alias())
