"""What a system other than Linux says of this host, by psutil: the same functions as in `linux`."""

import psutil


def cpu_times() -> dict[str, float]:
    """Return the seconds that all CPUs together have spent with each sort of work since the start."""
    times: dict[str, float] = psutil.cpu_times()._asdict()
    return times


def process_time(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def memory() -> tuple[int, int]:
    """Return the host's memory in bytes, and how much of it programs can have."""
    found = psutil.virtual_memory()
    return found.total, found.available


def swap() -> tuple[int, int]:
    """Return the swap space in bytes, and how much of it is used."""
    found = psutil.swap_memory()
    return found.total, found.used


def swapped_in() -> int:
    """Return the bytes that have been read back from swap since the start."""
    return psutil.swap_memory().sin


def processes() -> tuple[int, int]:
    """Return how many processes there are, and how many of them are zombies."""
    states = [process.info["status"] for process in psutil.process_iter(["status"])]
    return len(states), states.count(psutil.STATUS_ZOMBIE)
