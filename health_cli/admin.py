"""The record in the admin: runs and metrics to look at, alerts to acknowledge and resolve, silences to set."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from health_cli.config.setting import validate
from health_cli.history.handling import acknowledge, resolve
from health_cli.models import HealthMetric, HealthRun, Silence, SystemAlert


def _alias() -> str:
    """Return the alias of the database that is recorded in."""
    setting, _ = validate(getattr(settings, "HEALTH_CLI", {}))
    return setting.RECORD_DATABASE


class ForSuperusers(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in its stubs, not at run time
    """Seen by active superusers alone; recorded rows are changed by nobody."""

    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of the database that is recorded in."""
        return super().get_queryset(request).using(_alias())

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


@admin.register(HealthRun)
class HealthRunAdmin(ForSuperusers):
    """The recorded runs."""

    list_display = ("started_at", "host", "status", "duration", "trigger")
    list_filter = ("status", "trigger")
    date_hierarchy = None
    exclude = ("state",)


@admin.register(HealthMetric)
class HealthMetricAdmin(ForSuperusers):
    """What they measured."""

    list_display = ("timestamp", "host", "check_name", "metric_name", "value", "unit", "status")
    list_filter = ("status",)


@admin.register(SystemAlert)
class SystemAlertAdmin(ForSuperusers):
    """The alerts, with what people do about them."""

    list_display = ("alert_type", "host", "severity", "created_at", "resolved", "resolved_at", "count", "by")
    list_filter = ("resolved", "severity")
    search_fields = ("alert_type", "host", "message")
    actions = ("acknowledge", "resolve")
    exclude = ("open_key",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers say why an open alert may wait, and acknowledge it by that."""
        return self.has_module_permission(request) and not (obj and obj.resolved)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All that was recorded."""
        return [field.name for field in SystemAlert._meta.fields if field.name != "why"]

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


@admin.register(Silence)
class SilenceAdmin(ForSuperusers):
    """The silences, which people set here too."""

    list_display = ("pattern", "host", "until", "by", "why")
    fields = ("pattern", "host", "until", "why")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers silence."""
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """And end silences."""
        return self.has_module_permission(request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write down who wants that, and when."""
        from django.utils import timezone

        obj.by, obj.created_at = request.user.get_username(), timezone.now()
        obj.save(using=_alias())
