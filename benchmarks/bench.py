"""What a run costs, beside what others cost: `make bench` prints the ratios of one sitting.

Machines are noisy, so only ratios of commands measured side by side are worth comparing. A missed aim
fails nothing; a command that did not do its work does.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Command, imports, peak_memory, wall
from benchmarks.projects import project
from benchmarks.services import BIN, SHOP, environment, services

MEMORY = 64 << 20  # bytes
HOST_MEMORY = {"host_memory_used_percent=": 1}
HOST = {"host_cpu_used_percent=": 1, **HOST_MEMORY}
DATABASE = {"database_default_connect_time=": 1}
ALL = ("database", "cache", "celery.workers", "host.disk", "host.memory")
PEER = {"Database(alias='default'): OK": 1, "Cache(alias='default'): OK": 1, "Ping(": 1, ": OK": 5}


@dataclass(frozen=True)
class Row:
    """A command of ours, what it is set against, and at most how much of that it may cost."""

    ours: Command
    against: Command
    aim: float

    def text(self) -> str:
        """Measure both and write the row; SystemExit where one of them did not do its work."""
        if trouble := self.ours.prove() or self.against.prove():
            raise SystemExit(f"It did not do its work:\n{trouble}")
        ours, theirs = wall((self.ours, self.against))
        ratio = ours / theirs
        times = f"{ours * 1000:5.0f} ms /{theirs * 1000:5.0f} ms"
        met = "met" if ratio <= self.aim else "NOT MET"
        return f"{self.ours.name:<38} {self.against.name:<32} {times} {ratio:6.2f}  {self.aim:5.2f}  {met}"


def health(*words: str, env: Mapping[str, str], folder: Path = SHOP, proof: Mapping[str, int] | None = None) -> Command:
    """Return a run of ours; a host that is busy, with the bench for one, must not end it with another code."""
    line = (str(BIN / "health"), "run", *words, "-f", "nagios", "--fail-on", "never")
    return Command(f"health run {' '.join(words)}", line, folder, env, {"HEALTH OK - ": 1, **(proof or {})})


def last(*words: str, env: Mapping[str, str], proof: Mapping[str, int]) -> Command:
    """Return a look at the last run, which is recorded first."""
    record = (str(BIN / "health"), "run", "host.memory", "host.disk", "--record", "--fail-on", "never", "--quiet")
    subprocess.run(record, cwd="/", env=env, check=True)
    line = (str(BIN / "health"), "last", *words, "--fail-on", "never")
    return Command(" ".join(("health last", *words)), line, Path("/"), env, proof)


def rows(env: Mapping[str, str], folder: Path) -> Iterator[Row]:
    """Yield the rows of the table."""
    proof = {**DATABASE, "cache_default_roundtrip_time=": 1, "celery_workers_": 1}
    everything = replace(health(*ALL, env=env, proof=proof), name="the same five with health run")
    peer = (str(BIN / "python"), "manage.py", "health_check", "health", "--no-http")
    theirs = Command(
        "django-health-check, five checks", peer, SHOP, {**env, "DJANGO_SETTINGS_MODULE": "peers.settings"}, PEER
    )
    yield Row(everything, theirs, 0.25)
    ping = (str(BIN / "celery"), "-A", "shop", "inspect", "ping")
    yield Row(health("celery.workers", env=env), Command("celery inspect ping", ping, SHOP, env, {"pong": 2}), 0.20)
    bare = environment()
    nothing = Command("python -c pass", (str(BIN / "python"), "-c", "pass"), Path("/"), bare)
    yield Row(health("host", env=bare, folder=Path("/"), proof=HOST), nothing, 10)
    version = Command("health --version", (str(BIN / "health"), "--version"), Path("/"), bare, {"health-cli ": 1})
    yield Row(version, nothing, 5)
    recorded = {**bare, "HEALTH_STATE_DIR": str(folder / "state")}
    for proof, words in ((HOST_MEMORY, ("-f", "nagios")), ({"host.memory": 1}, ())):
        yield Row(last(*words, env=recorded, proof=proof), nothing, 6)
    many = {**env, "DJANGO_SETTINGS_MODULE": "many.settings"}
    sizes = [health("database", env=many, folder=project(folder, count), proof=DATABASE) for count in (60, 6)]
    yield Row(replace(sizes[0], name="health run database, 60 apps"), replace(sizes[1], name="6 apps"), 1.1)


def memory(env: Mapping[str, str]) -> str:
    """Return the row on memory."""
    held = peak_memory(replace(health(env=env), name="health run"))
    met = "met" if held < MEMORY else "NOT MET"
    what, how = "health run, all checks of the shop", "memory of its processes (PSS)"
    return f"{what:<38} {how:<50} {held >> 20:>3} MiB 64 MiB  {met}"


def where(env: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the table on what is loaded, and how long that takes."""
    line = (str(BIN / "health"), "run", "database", "cache", "host", "-vv")
    for process, packages in imports(BIN / "python", Command("imports", line, SHOP, env)).items():
        parts = [f"{name} {seconds * 1000:.0f} ms" for name, seconds in packages.items() if seconds >= 0.001]
        yield f"{process:<11} {', '.join(parts)}"


def main() -> int:
    """Print the tables."""
    if not shutil.which("hyperfine"):
        print("hyperfine is not installed. Install it: apt-get install hyperfine", file=sys.stderr)
        return 1
    with TemporaryDirectory() as name, services(Path(name)) as env:
        print(f"{'what':<38} {'against':<32} {'median wall time':>19}  ratio    aim")
        for row in rows(env, Path(name)):
            print(row.text(), flush=True)
        print(memory(env))
        print("\nTime spent loading, with Python's own account of it, which makes it a little longer:")
        print("\n".join(where(env)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
