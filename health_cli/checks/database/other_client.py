"""Asks a database through Django's own backend. Loaded only for engines without a check of their own."""

import time

from django.db import connections

from health_cli.core.loading import alone
from health_cli.core.measurement import Measurement


def gather(alias: str) -> Measurement:
    """Open a connection of our own, test it as Django does, and close it; raises what the backend raises."""
    wrapper = alone(lambda: connections[alias]).copy()
    began = time.monotonic()
    try:
        wrapper.ensure_connection()
        connected = time.monotonic()
        usable = wrapper.is_usable()
        answered = time.monotonic()
    finally:
        wrapper.close()
    if not usable:
        raise ConnectionError("connected, but the connection can't be used")
    return Measurement(
        values={"connect_time": connected - began, "query_time": answered - connected},
        facts={"flavour": wrapper.display_name},
    )
