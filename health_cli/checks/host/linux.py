"""What the kernel says of this host, read from /proc: psutil would take longer to load than all checks take to run."""

import os
import time

from health_cli.checks.host.procfs import read

CPU_TIMES = "user nice system idle iowait irq softirq steal guest guest_nice".split()


def cpu_times() -> dict[str, float]:
    """Return the seconds that all CPUs together have spent with each sort of work since the start."""
    ticks = read("/proc/stat").partition("\n")[0].split()[1:]
    return {name: int(count) / os.sysconf("SC_CLK_TCK") for name, count in zip(CPU_TIMES, ticks, strict=False)}


def process_time(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3): the clock of another process


def memory(meminfo: str = "/proc/meminfo") -> tuple[int, int]:
    """Return the host's memory in bytes, and how much of it programs can have."""
    sizes = _numbers(meminfo)
    free, total = sizes["MemFree:"], sizes["MemTotal:"]
    # Without it (before Linux 3.14), or with a figure that a container distorts, the next best guess.
    available = sizes.get("MemAvailable:") or free + sizes.get("Buffers:", 0) + sizes.get("Cached:", 0)
    return total << 10, (available if available <= total else free) << 10


def swap() -> tuple[int, int]:
    """Return the swap space in bytes, and how much of it is used."""
    sizes = _numbers("/proc/meminfo")
    total = sizes.get("SwapTotal:", 0)
    return total << 10, (total - sizes.get("SwapFree:", 0)) << 10


def swapped_in() -> int:
    """Return the bytes that have been read back from swap since the start."""
    return _numbers("/proc/vmstat").get("pswpin", 0) * os.sysconf("SC_PAGE_SIZE")


def processes() -> tuple[int, int]:
    """Return how many processes there are, and how many of them are zombies."""
    states = [_state(name) for name in os.listdir("/proc") if name.isdigit()]
    return len(states) - states.count(""), states.count("Z")


def _state(pid: str) -> str:
    """Return the letter of a process' state: `?` where it is hidden from us, nothing where it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1].decode()
    except PermissionError:
        return "?"
    except OSError:
        return ""


def _numbers(path: str) -> dict[str, int]:
    """Return the first number of each line by the line's first word."""
    lines = (line.split() for line in read(path).splitlines())
    return {words[0]: int(words[1]) for words in lines}
