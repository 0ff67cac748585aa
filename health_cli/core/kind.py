"""Kind: what sort of failure a result reports, so that machines and people can tell them apart."""

from enum import StrEnum


class Kind(StrEnum):
    """The sorts of failure; the value is the word in every output."""

    THRESHOLD = "threshold"  # a measured value is outside its range
    REFUSED = "refused"  # nothing accepts connections there, or it turns us away
    TIMEOUT = "timeout"  # no answer within the limit
    AUTH = "auth"  # the credentials are wrong or not allowed
    MISSING = "missing"  # the thing asked for does not exist
    READ_ONLY = "read-only"  # it answers, but takes no writes
    FULL = "full"  # no room left: memory, disk, connections
    LOADING = "loading"  # starting up, soon to be there
    LAGGING = "lagging"  # a copy that is behind or stopped
    MISCONFIGURED = "misconfigured"  # a setting is wrong, a driver is missing
    CRASHED = "crashed"  # the check itself failed
    UNFINISHED = "unfinished"  # the run's own deadline came first
