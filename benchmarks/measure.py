"""Measuring: wall time by hyperfine, memory by the kernel's own account, and what is loaded by Python's."""

import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil

ROUNDS, RUNS = 4, 5  # both sides of a row take turns, so that a busy moment falls on both
_IMPORT = re.compile(r"import time: +(\d+) \| +\d+ \| +(\S+)")


@dataclass(frozen=True)
class Command:
    """A command, and the proof that it did its work: how often, at least, each text is in what it prints."""

    name: str
    words: Sequence[str]
    folder: Path
    env: Mapping[str, str] = field(repr=False)
    proof: Mapping[str, int] = field(default_factory=dict)

    def prove(self) -> str:
        """Run it once; return what is wrong with what it did, or nothing."""
        done = subprocess.run(self.words, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        missing = [text for text, times in self.proof.items() if done.stdout.count(text) < times]
        if not done.returncode and not missing:
            return ""
        return f"{' '.join(map(str, self.words))}\nexit code {done.returncode}, lacks {missing}\n{said}"


def wall(commands: Sequence[Command]) -> list[float]:
    """Return the median wall time of each command in seconds; they share folder and environment."""
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        for command in commands:
            times[command.name] += _hyperfine(command)
    return [median(times[command.name]) for command in commands]


def _hyperfine(command: Command) -> list[float]:
    with TemporaryDirectory() as folder:
        out = Path(folder, "times.json")
        line = " ".join(f"'{word}'" for word in command.words)
        subprocess.run(
            ["hyperfine", "-N", "--style", "none", "--warmup", "1", "--runs", str(RUNS), "--export-json", out, line],
            cwd=command.folder, env=command.env, check=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        found: list[float] = json.loads(out.read_text())["results"][0]["times"]
        return found


def peak_memory(command: Command) -> int:
    """Return the most bytes that the processes of a run held together, of five runs.

    That is the proportional set size (PSS), in which a page that the supervisor and its worker share counts once.
    """
    return max(_peak(command) for _ in range(5))


def _peak(command: Command) -> int:
    process = psutil.Popen(
        command.words, cwd=command.folder, env=command.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    most = 0
    while process.poll() is None:
        most = max(most, sum(_held([process, *_children(process)])))
        time.sleep(0.002)
    return most


def _children(process: psutil.Popen) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _held(processes: Iterable[psutil.Process]) -> Iterable[int]:
    for process in processes:
        try:
            yield process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
            continue


def imports(python: Path, command: Command) -> dict[str, dict[str, float]]:
    """Return the seconds that loading each package takes, in the supervisor and in its worker; the least of five runs.

    `command` is one with `-vv`, which prints what the worker says, Python's account of its imports included.
    """
    words = [str(python), "-X", "importtime", "-m", "health_cli", *command.words[1:]]
    runs = [
        subprocess.run(words, cwd=command.folder, env=command.env, capture_output=True, text=True, check=False)
        for _ in range(5)
    ]
    return {"supervisor": _least(run.stderr for run in runs), "worker": _least(run.stdout for run in runs)}


def _least(texts: Iterable[str]) -> dict[str, float]:
    """Return the least time of each package, the longest first."""
    found = [_by_package(text) for text in texts]
    least = {name: min(times.get(name, 0.0) for times in found) for name in found[0]}
    return dict(sorted(least.items(), key=lambda pair: -pair[1]))


def _by_package(text: str) -> dict[str, float]:
    seconds: dict[str, float] = defaultdict(float)
    for microseconds, module in _IMPORT.findall(text):
        top = module.partition(".")[0]
        seconds["the standard library" if top in sys.stdlib_module_names else top] += int(microseconds) / 1e6
    return seconds
