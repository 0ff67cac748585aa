"""Projects with many apps, written for one sitting: does the start depend on how many there are?"""

from pathlib import Path

SETTINGS = '''"""A project of {count} apps."""
from shop.settings import CACHES, DATABASES, SECRET_KEY
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", {apps}]
'''
APPS = '''"""The app {name}."""
from django.apps import AppConfig
class Config(AppConfig):
    name = "{name}"
'''
MODELS = '''"""What {name} keeps."""
from django.db import models
class Thing(models.Model):
    name = models.CharField(max_length=80)
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    made_at = models.DateTimeField(auto_now_add=True)
    above = models.ForeignKey("self", null=True, on_delete=models.CASCADE)
    class Meta:
        ordering = ("-made_at",)
'''
MANAGE = '''"""The project's commands."""
import os
import sys
from django.core.management import execute_from_command_line
if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "many.settings"
    execute_from_command_line(sys.argv)
'''


def project(folder: Path, count: int) -> Path:
    """Write a project of that many apps into a folder of its own; return that."""
    names = [f"app{number}" for number in range(count)]
    home = folder / f"apps-{count}"
    files = {"manage.py": MANAGE, "many/__init__.py": ""}
    files["many/settings.py"] = SETTINGS.format(count=count, apps=", ".join(f'"{name}.apps.Config"' for name in names))
    for name in names:
        files |= {
            f"{name}/__init__.py": "",
            f"{name}/apps.py": APPS.format(name=name),
            f"{name}/models.py": MODELS.format(name=name),
        }
    for path, text in files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
    return home
