"""The operating system that this runs on: one of two modules with the same functions."""

import sys

if sys.platform == "linux":
    from health_cli.checks.host import linux as system
else:
    from health_cli.checks.host import elsewhere as system

__all__ = ["system"]
