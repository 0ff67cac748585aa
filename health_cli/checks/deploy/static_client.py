"""Asks the storage of the static files. Loaded only when that is looked at."""

import time
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.storage import FileSystemStorage, storages

from health_cli.checks.project import loaded
from health_cli.core.errors import Failure, Skipped
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.status import Status

NOTHING = "nothing is collected"
COLLECT = "Run 'manage.py collectstatic' where it is deployed."
SHOWN = 10  # names of files that are missing
MOST = 20_000  # files that are looked for, which takes a second on a slow disk


def gather() -> Measurement:
    """Return what there is of the static files; Failure where they are not there, or can't be looked at."""
    storage = loaded(lambda: storages["staticfiles"])
    if isinstance(storage, Crash):  # or its manifest is damaged: it reads that at once
        raise Failure(
            Kind.MISCONFIGURED, f"The storage 'staticfiles' can't be made: {storage.name}: {storage.text}",
            hint=f"Correct STORAGES['staticfiles']. {COLLECT}", summary="no storage",
        )  # fmt: skip
    if isinstance(storage, FileSystemStorage) and not storage.base_location:
        raise Skipped("STATIC_ROOT is not set: nothing is collected here.", summary=NOTHING)
    if isinstance(storage, ManifestFilesMixin):
        return _by_manifest(storage)
    if isinstance(storage, FileSystemStorage):
        return _in_folder(Path(storage.location))
    why = f"{type(storage).__name__} keeps them elsewhere and has no manifest that could be looked at."
    raise Skipped(why, summary="no manifest")


def _by_manifest(storage: Any) -> Measurement:
    name, where = storage.manifest_name, _place(storage)
    content = attempt(storage.read_manifest)
    if isinstance(content, Crash):
        raise Failure(
            Kind.CRASHED, f"The manifest {name} {where} can't be read: {content.name}: {content.text}",
            summary="manifest not readable", status=Status.UNKNOWN,
            hint="May this user read it? Run health as the user of the web server.",
        )  # fmt: skip
    if content is None:
        raise Failure(Kind.MISSING, f"There is no manifest {name} {where}.", summary="not collected", hint=COLLECT)
    paths = storage.hashed_files
    values: dict[str, float] = {"files": len(paths)}
    missing, facts = {}, {"manifest": name, "storage": type(storage).__name__}
    age = attempt(lambda: time.time() - storage.manifest_storage.get_modified_time(name).timestamp())
    if isinstance(age, Crash):
        missing["age"] = f"the storage does not tell ({age.name})"
    else:
        values["age"] = round(max(0.0, age), 3)
    if not isinstance(storage, FileSystemStorage):
        missing["missing"] = "the files are not on this host"
        return Measurement(values=values, missing=missing, facts=facts)
    lost = [path for path in list(paths.values())[:MOST] if not storage.exists(path)]
    return Measurement(
        values={**values, "missing": len(lost)}, missing=missing, facts={**facts, "missing_files": lost[:SHOWN]}
    )


def _place(storage: Any) -> str:
    at = storage.manifest_storage
    return f"in {at.location}" if isinstance(at, FileSystemStorage) else f"in {type(at).__name__}"


def _in_folder(folder: Path) -> Measurement:
    try:
        files = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        raise Failure(Kind.MISSING, f"There is no folder {folder}.", summary="not collected", hint=COLLECT) from None
    except OSError as error:
        raise Failure(
            Kind.AUTH if isinstance(error, PermissionError) else Kind.MISCONFIGURED,
            f"{folder} can't be read: {error.strerror}.", summary="not readable", status=Status.UNKNOWN,
            hint="Run health as the user of the web server.",
        ) from error  # fmt: skip
    if not files:
        raise Failure(Kind.MISSING, f"The folder {folder} is empty.", summary="not collected", hint=COLLECT)
    why = "there is no manifest that names files"
    age = max(0.0, time.time() - folder.stat().st_mtime)
    return Measurement(
        values={"files": len(files), "age": round(age, 3)}, missing={"missing": why}, facts={"folder": str(folder)}
    )
