"""The Django app: `manage.py health`, and the system checks of the setting."""

from django.apps import AppConfig
from django.core import checks


class HealthCliConfig(AppConfig):
    """Put "health_cli" in INSTALLED_APPS to have it."""

    name = "health_cli"
    verbose_name = "Health"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        from health_cli.config.system_checks import check_setting

        checks.register(check_setting)
