"""A project made for a test: in a folder of its own, with whatever settings and files it is given."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import Run, forked, python

KEY = "".join(chr(33 + n % 90) for n in range(60))
FIT = {
    "SECRET_KEY": KEY, "ALLOWED_HOSTS": ["shop.example.org"], "DEBUG": False, "USE_TZ": True,
    "INSTALLED_APPS": ["health_cli"], "ROOT_URLCONF": "site_urls", "MIDDLEWARE": [], "HEALTH_CLI": {},
    "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
    "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3"}},
}  # fmt: skip


@dataclass(frozen=True)
class Project:
    """A project in a folder: the module `site_settings`, and `site_urls`."""

    folder: Path

    def set(self, **settings: Any) -> "Project":
        """Write the settings: those that are fit for production, changed by these."""
        lines = [f"{name} = {value!r}\n" for name, value in {**FIT, **settings}.items()]
        (self.folder / "site_settings.py").write_text("".join(lines))
        self.write("site_urls.py", "urlpatterns = []")
        return self

    def write(self, name: str, text: str) -> "Project":
        """Write a file, and the folders that it is in."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return self

    def manage(self, *words: str) -> None:
        """Call Django's command."""
        code = f"from django.core.management import call_command\ncall_command(*{words!r})"
        python(code, {"DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": str(self.folder)}, cwd=self.folder)

    def health(self, *words: str, env: Mapping[str, str] | None = None) -> Run:
        """Call `health`."""
        where = ("--settings", "site_settings", "--chdir", str(self.folder))
        return forked(*words, *where, env={"HEALTH_STATE_DIR": str(self.folder / "state"), **(env or {})})

    def look(self, name: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return what a check says, its metrics by their names."""
        run = self.health("run", name, "-f", "json", env=env)
        return {**run.checks[name], "metrics": run.metrics(name), "code": run.code}


def migration(project: Project, name: str, after: list[str]) -> Project:
    """Write a migration of the app, which changes nothing."""
    return project.write(
        f"stock/migrations/{name}.py",
        f"""
        from django.db import migrations
        class Migration(migrations.Migration):
            dependencies = [("stock", name) for name in {after!r}]
            operations = []
        """,
    )


def with_check(project: Project, name: str, **about: Any) -> Project:
    """Give a project one check of the setting CHECKS."""
    return project.set(HEALTH_CLI={"CHECKS": {name: about}})
