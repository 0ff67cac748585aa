"""Routes: what tells to which route of the project a path leads, for sources that know paths alone."""

from importlib import import_module

from health_cli.checks.api.access_lines import RouteOf
from health_cli.core.guard import Crash
from health_cli.core.within import within


def routes(limit: float) -> tuple[RouteOf | None, list[str]]:
    """Load the project's URLs within so many seconds; return nothing where that fails, with a note why."""
    client = "health_cli.checks.api.routes_client"
    found = within(limit, lambda: import_module(client).Routes(), f"that took longer than {limit:.3g} s")
    if isinstance(found, Crash):
        why = f"the project's URLs can't be loaded ({found.name}: {found.text})"
        return None, [f"of paths only the first part is told, since {why}"]
    return found.route_of, []
