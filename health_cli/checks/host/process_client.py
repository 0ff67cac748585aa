"""Looks at the processes by psutil. Loaded only when one is asked for."""

import os
import re
import time

import psutil

from health_cli.core.measurement import Measurement

ENDED = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}  # still listed until somebody asks how they ended
SHOWN = 10  # ids of processes


def gather(pattern: re.Pattern[str], user: str) -> Measurement:
    """Return how many processes match, with what they take."""
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    now, found = time.time(), []
    for process in psutil.process_iter(["pid", "name", "cmdline", "username", "memory_info", "create_time", "status"]):
        about = process.info
        if about["status"] in ENDED:
            continue
        line = " ".join(about["cmdline"] or ()) or about["name"] or ""
        if about["pid"] not in ours and (not user or about["username"] == user) and pattern.search(line):
            found.append(about)
    if not found:
        reason = "no process matches"
        return Measurement(values={"processes": 0}, missing=dict.fromkeys(("memory", "youngest", "oldest"), reason))
    started = [about["create_time"] for about in found]
    memory = sum(about["memory_info"].rss for about in found if about["memory_info"])
    values = {
        "processes": len(found), "memory": memory,
        "youngest": max(0.0, now - max(started)), "oldest": max(0.0, now - min(started)),
    }  # fmt: skip
    return Measurement(values=values, facts={"pids": sorted(about["pid"] for about in found)[:SHOWN]})
