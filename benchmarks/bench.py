"""What a run costs, beside the bare interpreter: `make bench` prints the ratios of one sitting.

Machines are noisy, so only ratios of commands measured side by side are worth comparing.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
RUNS = "15"


@dataclass(frozen=True)
class Command:
    """One row: what it is, what is called, and at most how many bare interpreters it may cost, if that is set."""

    name: str
    words: str
    aim: float | None = None


BARE = Command("the bare interpreter", f"{sys.executable} -c pass")
COMMANDS = (
    Command("health --version", f"{BIN}/health --version"),
    Command("health run host.memory -f nagios", f"{BIN}/health run host.memory -f nagios --chdir /"),
    Command("health run host -f nagios (samples 0.1 s)", f"{BIN}/health run host -f nagios --chdir /", 10),
    Command("health run host -f table", f"{BIN}/health run host --chdir /"),
    Command("health run database, the shop on SQLite", f"{BIN}/health run database -f nagios"),
    Command("health run, all of the shop", f"{BIN}/health run -f nagios"),
    Command("manage.py health run database", f"{sys.executable} manage.py health run database -f nagios"),
)


def medians(commands: tuple[Command, ...], state: str) -> list[float]:
    """Return the median wall time of each command in seconds, measured by hyperfine in one sitting."""
    out = Path(state, "hyperfine.json")
    subprocess.run(
        ["hyperfine", "-N", "-i", "--style", "none", "--warmup", "2", "--runs", RUNS, "--export-json", str(out),
         *(command.words for command in commands)],
        cwd=ROOT / "examples" / "shop", check=True, env={**os.environ, "SHOP_STATE": state},
    )  # fmt: skip
    return [float(result["median"]) for result in json.loads(out.read_text())["results"]]


def main() -> int:
    """Print the table, with the aims beside what was measured: they describe, they are no gate."""
    if not shutil.which("hyperfine"):
        print("hyperfine is not installed. Install it: apt-get install hyperfine", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as state:
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT / "examples" / "shop", check=True, env={**os.environ, "SHOP_STATE": state})
        bare, *times = medians((BARE, *COMMANDS), state)
    print(f"{BARE.name}: {bare * 1000:.0f} ms (median of {RUNS})\n")
    for command, seconds in zip(COMMANDS, times, strict=True):
        ratio = seconds / bare
        aim = f"  aim: at most {command.aim:g}" if command.aim else ""
        print(f"{command.name:<44} {seconds * 1000:6.0f} ms  {ratio:5.1f} x{aim}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
