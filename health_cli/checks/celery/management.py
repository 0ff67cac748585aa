"""RabbitMQ's management API: names and ages that AMQP itself does not tell. Optional, never waited for long."""

import base64
import http.client
import json
import time
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from kombu import Connection

from health_cli.checks.celery.link import RABBITMQ, driver_of

PORT = 15672
PATIENCE = 0.5  # seconds for one answer; it takes 2 ms on loopback


class Management:
    """The API at a URL; without one it knows nothing and says why."""

    def __init__(self, url: str, vhost: str, login: tuple[str, str], *, given: bool) -> None:
        """The login of the URL itself wins over the broker's."""
        parts = urlsplit(url)
        self._parts, self._vhost = parts, quote(vhost, safe="")
        self._given = given
        self._mute = not parts.hostname  # or once it has not answered: it would be waited for again and again
        user = unquote(parts.username) if parts.username else login[0]
        password = unquote(parts.password or "") if parts.username else login[1]
        self._auth = base64.b64encode(f"{user}:{password}".encode()).decode()

    @classmethod
    def of(cls, connection: Connection, url: str, *, asked: bool) -> "Management":
        """Return the API of a connection's broker: at the URL given, else, where it is `asked` for, at its usual port.

        Never guessed where the broker is reached by TLS: the login would travel in the clear.
        """
        guess = asked and not connection.ssl and driver_of(connection) == RABBITMQ
        usual = f"http://{connection.hostname}:{PORT}" if guess else ""
        login = (str(connection.userid or "guest"), str(connection.password or "guest"))
        return cls(url or usual, str(connection.virtual_host or "/"), login, given=bool(url))

    def bound_queues(self, exchange: str) -> list[str]:
        """Return the queues that are bound to an exchange now; none where it can't be asked."""
        rows = self._get(f"exchanges/{self._vhost}/{quote(exchange, safe='')}/bindings/source")
        return [row["destination"] for row in rows] if isinstance(rows, list) else []

    def oldest(self, queue: str) -> tuple[float | None, str]:
        """Return the age in seconds of the task that is next in a queue, or None and why."""
        if not self._given:
            return None, "needs RabbitMQ's management API (RABBITMQ_MANAGEMENT)"
        found = self._get(f"queues/{self._vhost}/{quote(queue, safe='')}")
        if not isinstance(found, dict):
            return None, "RabbitMQ's management API did not answer"
        stamp = found.get("head_message_timestamp")
        return (max(0.0, time.time() - stamp), "") if stamp else (None, "its messages carry no timestamp")

    def _get(self, path: str) -> Any:
        """Return what the API answers, None where it does not."""
        if self._mute:
            return None
        secure = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        link = kind(str(self._parts.hostname), self._parts.port or (443 if secure else PORT), timeout=PATIENCE)
        try:
            link.request(
                "GET", f"{self._parts.path.rstrip('/')}/api/{path}", headers={"Authorization": f"Basic {self._auth}"}
            )
            answer = link.getresponse()
            return json.loads(answer.read()) if answer.status == http.client.OK else None
        except (OSError, http.client.HTTPException, ValueError):
            self._mute = True
            return None
        finally:
            link.close()
