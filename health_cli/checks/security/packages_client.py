"""Runs pip-audit over the packages of this environment, or takes what it said before."""

import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.metadata import distributions
from importlib.util import find_spec
from typing import Any, NamedTuple

from health_cli.checks.plugin_client import run
from health_cli.core.errors import Failure, Skipped
from health_cli.core.guard import Crash, attempt
from health_cli.core.kind import Kind
from health_cli.core.memory import Memory
from health_cli.core.status import Status

PART = 0.9  # of the limit
MOST = 8 << 20  # bytes of its answer
SERVICES = ("pypi", "osv", "esms")
SAID = 300  # characters of an error


class Audit(NamedTuple):
    """What is known of the packages: a row for each vulnerability, and the names of those that are not known."""

    vulnerable: Sequence[Mapping[str, Any]]
    audited: int
    unknown: Sequence[str]
    age: float


def audit(memory: Memory, service: str, url: str, fresh: float, limit: float) -> Audit:
    """Return what is known; Skipped without pip-audit, Failure where it can't tell."""
    if service not in SERVICES:
        raise Failure(
            Kind.MISCONFIGURED, f"'{service}' is no service that pip-audit asks.", summary="no such service",
            hint=f"It is one of {', '.join(SERVICES)}: correct it in OPTIONS.", status=Status.UNKNOWN,
        )  # fmt: skip
    program = _program()
    key, kept = _key(service, url), memory.load()
    age = time.time() - float(kept.get("at") or 0)
    if kept.get("key") != key or not 0 <= age < fresh:
        kept, age = {**_ask(program, service, url, limit), "key": key, "at": time.time()}, 0.0
        memory.save(kept)  # where that can't be done, the next run asks again
    return Audit(kept["vulnerable"], kept["audited"], kept["unknown"], age)


def _program() -> list[str]:
    """Return how pip-audit is called; Skipped where it is not installed."""
    if find_spec("pip_audit"):
        return [sys.executable, "-m", "pip_audit"]
    if path := shutil.which("pip-audit"):
        return [path]
    raise Skipped("pip-audit is not installed: pip install pip-audit", summary="pip-audit is not installed")


def _key(service: str, url: str) -> str:
    """Return what an answer is good for: these packages, and this database."""
    packages = sorted(f"{found.name}=={found.version}" for found in distributions())
    return sha256("\n".join([service, url, *packages]).encode()).hexdigest()


def _ask(program: Sequence[str], service: str, url: str, limit: float) -> dict[str, Any]:
    folders = sorted({str(found.locate_file("")) for found in distributions()})
    command = [
        *program, "--format", "json", "--desc", "off", "--aliases", "on", "--progress-spinner", "off",
        "--vulnerability-service", service, *(["--osv-url", url] if url else []),
        *(word for path in folders for word in ("--path", path)),
    ]  # fmt: skip
    try:
        ended = run(command, limit * PART, "pip-audit", MOST)
    except Failure as failure:  # that others are slow is no fault of the packages
        raise failure.but(status=Status.UNKNOWN) from failure
    said = attempt(lambda: understood(json.loads(ended.output)["dependencies"], service))
    if isinstance(said, Crash) and isinstance(said.error, Failure):
        raise said.error
    if isinstance(said, Crash):
        lines = [line for line in ended.errors.splitlines() if line.strip()]
        text = lines[-1].strip()[:SAID] if lines else f"it ended with {ended.code} and said nothing"
        raise Failure(
            Kind.REFUSED, f"pip-audit can't tell: {text}", summary="pip-audit can't tell", status=Status.UNKNOWN,
            hint="Run it by hand: pip-audit. It asks a database over the network.",
        )  # fmt: skip
    return said


def understood(dependencies: Sequence[Mapping[str, Any]], service: str) -> dict[str, Any]:
    """Return what is kept of an answer; Failure where it knows none of the packages, so that none seems well."""
    rows = [
        {
            "name": each["name"], "version": each["version"], "ids": [found["id"], *(found.get("aliases") or ())],
            "fixed": found.get("fix_versions") or [],
        }
        for each in dependencies for found in each.get("vulns") or ()
    ]  # fmt: skip
    unknown = [each["name"] for each in dependencies if "skip_reason" in each]
    if len(unknown) == len(dependencies):
        raise Failure(
            Kind.MISSING, f"{service} knows none of the {len(unknown)} packages that are installed.",
            summary="no package is known there", status=Status.UNKNOWN,
            hint="Can this host reach the database of vulnerabilities? Run it by hand: pip-audit",
        )  # fmt: skip
    return {"vulnerable": rows, "audited": len(dependencies) - len(unknown), "unknown": unknown}
