"""deploy.version: what is running, by version and commit."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from health_cli.core.check import Check
from health_cli.core.errors import Failure
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric
from health_cli.core.result import Result
from health_cli.core.status import Status

# Where people, CI and platforms leave it: settings and variables of the same names first, then what Heroku, Render,
# Railway, Google Cloud Run, Fly, GitLab and GitHub set.
VERSIONS = ("VERSION", "APP_VERSION", "RELEASE", "RELEASE_VERSION", "SENTRY_RELEASE", "HEROKU_RELEASE_VERSION",
            "K_REVISION", "FLY_IMAGE_REF")  # fmt: skip
COMMITS = ("COMMIT", "GIT_COMMIT", "GIT_SHA", "COMMIT_SHA", "SOURCE_VERSION", "HEROKU_SLUG_COMMIT",
           "RENDER_GIT_COMMIT", "RAILWAY_GIT_COMMIT_SHA", "CI_COMMIT_SHA", "GITHUB_SHA")  # fmt: skip
LONGEST = 200  # characters of a version: more is something else
SHORT = 12  # characters of a commit that are shown


@dataclass(frozen=True, kw_only=True)
class Version(Check):
    """The version and the commit that run here, kept with each recorded run, so that the record tells since when.

    The version is that of the installed `package`, where the option names one, else what the settings or the
    environment call VERSION, APP_VERSION, RELEASE and the like; `version` gives it straight. The commit is that of
    the option `commit`, of the settings or the environment (GIT_COMMIT, COMMIT_SHA, and what Heroku, Render, Railway,
    GitLab and GitHub set), else that of the folder's own `.git`. `source` in the data says which it was.

    Where nothing tells, the check is skipped. `expected` is a version or the beginning of a commit: critical where
    something else runs. On request.
    """

    name: str = "deploy.version"
    metrics: tuple[Metric, ...] = ()
    package: str = ""
    version: str = ""
    commit: str = ""
    expected: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    on_request: ClassVar[bool] = True

    def gather(self) -> Measurement:
        """Look in each place, the surest first; Failure where `package` is not installed."""
        given = {name: str(value) for name, value in {**os.environ, **self.settings}.items() if _is_text(value)}
        version, source = self._version(given)
        commit, place = self._commit(given)
        facts = {
            "version": version, "commit": commit, "source": " and ".join(dict.fromkeys(filter(None, (source, place)))),
            "python": ".".join(map(str, sys.version_info[:3])), "django": version_of("Django"),
        }  # fmt: skip
        return Measurement(facts=facts)

    def _version(self, given: Mapping[str, str]) -> tuple[str, str]:
        if self.version:
            return self.version, "the option 'version'"
        if self.package:
            return self._installed(), f"the package {self.package}"
        name = next((name for name in VERSIONS if name in given), "")
        return given.get(name, ""), name

    def _installed(self) -> str:
        try:
            return version_of(self.package)
        except ModuleNotFoundError:  # what importlib.metadata raises is one
            raise Failure(
                Kind.MISSING, f"The package {self.package} is not installed here.", summary="not installed",
                hint="Correct HEALTH_CLI['OPTIONS']['deploy.version']['package'].", status=Status.UNKNOWN,
            ) from None  # fmt: skip

    def _commit(self, given: Mapping[str, str]) -> tuple[str, str]:
        if self.commit:
            return self.commit, "the option 'commit'"
        name = next((name for name in COMMITS if name in given), "")
        return (given[name], name) if name else commit_of(Path.cwd())

    def judge(self, measurement: Measurement) -> Result:
        """Say what runs, and compare it with what is expected."""
        version, commit = measurement.facts["version"], measurement.facts["commit"]
        said = ", ".join(filter(None, (version, commit and f"commit {commit[:SHORT]}")))
        if not said:
            return Result(
                name=self.name, status=Status.SKIPPED, summary="nothing tells the version", data=measurement.facts,
                message="Neither the settings nor the environment tell a version or a commit, and there is no .git.",
                hint="Set GIT_COMMIT where it is deployed, or the option 'package' or 'version'.",
            )  # fmt: skip
        if self.expected and version != self.expected and not commit.startswith(self.expected):
            return Result(
                name=self.name, status=Status.CRITICAL, kind=Kind.MISCONFIGURED, summary=f"{said} runs",
                message=f"{said} runs here, and {self.expected} is expected.", data=measurement.facts,
                hint="Was it deployed here, and restarted since?",
            )  # fmt: skip
        return self.result(measurement, summary=said)


def version_of(package: str) -> str:
    """Return the version of an installed package; ModuleNotFoundError. What tells it takes 40 ms to load."""
    return str(import_module("importlib.metadata").version(package))


def _is_text(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and 0 < len(str(value)) <= LONGEST


def commit_of(folder: Path) -> tuple[str, str]:
    """Return the commit that is checked out in a folder, or above it, and where that is said; no `git` is called."""
    git = next((each / ".git" for each in (folder, *folder.parents) if (each / ".git").is_dir()), None)
    head = _read(git / "HEAD") if git else ""
    if not git or not head.startswith("ref: "):
        return head, str(git) if head else ""
    name = head.removeprefix("ref: ")
    packed = [line.split(" ")[0] for line in _read(git / "packed-refs").splitlines() if line.endswith(f" {name}")]
    commit = _read(git / name) or next(iter(packed), "")
    return commit, str(git) if commit else ""


def _read(path: Path) -> str:
    """Return the text of a small file; nothing where it is not there, or may not be read: then nothing is told."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
