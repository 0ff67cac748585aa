"""Where: which settings module a command means, found without loading it, and without anything that takes time.

`--settings`, else DJANGO_SETTINGS_MODULE, else the `manage.py` in this or a parent folder.
"""

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

from health_cli.core.errors import ConfigError

CONFIGURED = "settings.configure()"
_IN_MANAGE_PY = r"DJANGO_SETTINGS_MODULE['\"]\s*,\s*['\"]([A-Za-z_][\w.]*)['\"]"  # compiled only where it is needed


class Where(NamedTuple):
    """The settings module, empty where there is no project, and the folders that it is imported from first."""

    module: str
    folders: tuple[str, ...]


def where(settings: str | None, chdir: str | None, pythonpath: str | None) -> Where:
    """Find the settings module without loading it; ConfigError where what names it makes no sense."""
    here = _here(chdir)
    folders = tuple(path for path in (_manage_py_folder(here), here, pythonpath) if path)
    if settings is None and configured():
        return Where(os.environ.get("DJANGO_SETTINGS_MODULE", CONFIGURED), folders)
    return Where(settings or os.environ.get("DJANGO_SETTINGS_MODULE") or _from_manage_py(here) or "", folders)


def _manage_py_folder(here: str | None) -> str | None:
    """Return this folder, or the nearest one above it, that holds a manage.py."""
    folders = [Path(here), *Path(here).parents] if here else []
    return next((str(folder) for folder in folders if os.path.isfile(folder / "manage.py")), None)


def _here(chdir: str | None) -> str | None:
    """Return the folder to start from, None where it has been deleted."""
    try:
        return os.path.join(_working_folder(), chdir or "").rstrip("/") or "/"
    except FileNotFoundError:
        return None


def _working_folder() -> str:
    """Return the working folder as the shell calls it, which keeps links as `pwd` does. FileNotFoundError."""
    here, called = os.getcwd(), os.environ.get("PWD", "")
    return called if os.path.isabs(called) and os.path.realpath(called) == here else here


def _from_manage_py(here: str | None) -> str | None:
    """Return the settings module that the project's manage.py names."""
    folder = _manage_py_folder(here)
    if folder is None:
        return None
    script = Path(folder, "manage.py")
    found = re.search(_IN_MANAGE_PY, script.read_text(errors="replace"))
    if not found:
        raise ConfigError(f"{script} names no DJANGO_SETTINGS_MODULE.", hint="Give it with --settings.")
    return found[1]


def configured() -> bool:
    """Tell whether Django has its settings already, as inside manage.py or a web process."""
    conf = sys.modules.get("django.conf")
    return bool(conf and conf.settings.configured)
