"""Filling: which metrics measure something that fills up, and what is foretold of them."""

NAMES = frozenset(
    "used used_percent inodes_used inodes_used_percent size database_size used_memory used_memory_percent".split()
)
NEVER = "host.cpu"  # a CPU in full use is not full


def fills(check: str, metric: str) -> bool:
    """Tell whether a metric measures something that fills up, by its name."""
    return check != NEVER and metric in NAMES


def full_in_of(metric: str) -> str:
    """Return the name of the metric that foretells in how many seconds this one will be full."""
    return f"{metric}_full_in"
