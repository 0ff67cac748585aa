"""Asks every worker at once, and knows when the last one has answered. Needs Celery.

Celery's own `control.ping()` and `inspect` wait a fixed second each, for want of knowing how many will
answer. Here the broker tells: Redis returns how many clients heard a PUBLISH, and RabbitMQ how many
consumers each queue has. Only where neither is known does a pause tell that nobody else will speak.
"""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from celery.events.event import get_exchange
from kombu import Connection, Consumer, Producer, Queue
from kombu.exceptions import ChannelError

from health_cli.checks.celery.link import RABBITMQ, REDIS, driver_of

QUIET = 0.25  # seconds without a word after which nobody else is waited for, where nothing better is known
EVENT_GRACE = 0.05  # seconds for a heartbeat event that comes on another connection than the replies
QUESTIONS = ("active_queues", "stats", "active", "reserved", "scheduled")
LEAVING = "leaving"
FAREWELL = 0.2  # seconds
NOT_FOUND = "404"  # of AMQP, and of kombu where it plays AMQP
BEAT = "celerybeat@"  # since Celery 5.7 the scheduler may answer too, but only to `ping`

Reply = tuple[Any, float]  # what was said, and how many seconds after the question


class RollCall:
    """One round: `run()` asks and returns when all have answered, or after `patience` seconds."""

    def __init__(self, app: Any, connection: Connection, patience: float, consumers: Mapping[str, int]) -> None:
        """`consumers` is how many RabbitMQ says each queue has."""
        self._app, self._connection, self._consumers = app, connection, consumers
        self._channel = connection.default_channel
        self._mailbox = app.control.mailbox(connection)
        self._until = time.monotonic() + patience
        self._asked: dict[str, tuple[str, float]] = {}  # ticket -> command, and when
        self._heard: list[int] = []
        self._spoken = time.monotonic()
        self.replies: dict[str, dict[str, list[Reply]]] = {}  # command -> worker -> replies
        self.offsets: dict[str, float] = {}
        self._beats_asked = 0.0

    def run(self) -> None:
        """Ask whether they are there, then everything else; the answers are in `replies` and `offsets`."""
        count_listeners(self._channel, self._heard)
        own = ((self._mailbox.reply_queue, self._reply), (self._events(), self._event))
        accept = self._mailbox.accept
        consumers = [Consumer(self._channel, [q], callbacks=[on], accept=accept, no_ack=True) for q, on in own]
        try:
            for consumer in consumers:
                consumer.consume()
            self._talk()
            self._leave()
        finally:
            for (queue, _), consumer in zip(own, consumers, strict=True):
                consumer.cancel()
                self._channel.queue_delete(queue.name)

    def _talk(self) -> None:
        self._ask("ping")
        if self.expected == 0:
            return
        while "ping" not in self.replies and self._hear(self._until):
            pass
        if self.replies:
            self._ask_more()
        while not self._complete() and self._hear(self._deadline()):
            pass

    def _leave(self) -> None:
        """Answer ourselves, so that nothing waits for a reply any more: on Redis closing would wait up to 1 s."""
        ticket = uuid.uuid4().hex
        self._asked[ticket] = LEAVING, time.monotonic()
        self._publish({}, self._mailbox.reply_exchange, {"ticket": ticket}, routing_key=self._mailbox.oid)
        self._until = time.monotonic() + FAREWELL
        while LEAVING not in self.replies and self._hear(self._until):
            pass

    @property
    def expected(self) -> int | None:
        """How many heard the question; None where the broker does not tell."""
        return self._heard[0] if self._heard else None

    @property
    def how(self) -> str:
        """How it is known that all have answered."""
        if self._heard:
            return "counted"
        return "consumers" if any(self._consumers.values()) else "quiet"

    def silent(self) -> int:
        """How many are connected and have not answered; at least, where the broker does not tell."""
        if self._heard:
            return max(0, self._heard[0] - sum(map(len, self.replies.get("ping", {}).values())))
        return max((count - self._reading(queue) for queue, count in self._consumers.items()), default=0)

    def _ask_more(self) -> None:
        self._cast("heartbeat")
        self._beats_asked = time.time()
        for command in QUESTIONS:
            self._ask(command)

    def _ask(self, command: str) -> None:
        """Put a question to all; the replies carry its ticket."""
        ticket = uuid.uuid4().hex
        reply_to = {"exchange": self._mailbox.reply_exchange.name, "routing_key": self._mailbox.oid}
        self._asked[ticket] = command, time.monotonic()
        self._cast(command, ticket=ticket, reply_to=reply_to)

    def _cast(self, command: str, **more: Any) -> None:
        message = {"method": command, "arguments": {}, "destination": None, "pattern": None, "matcher": None, **more}
        headers = {"clock": self._mailbox.clock.forward(), "expires": 0}
        self._publish(message, self._mailbox.exchange, headers)

    def _publish(self, message: Any, exchange: Any, headers: dict[str, Any], **how: Any) -> None:
        Producer(self._channel, auto_declare=False).publish(
            message, exchange=exchange.name, declare=[exchange], headers=headers,
            serializer=self._mailbox.serializer, retry=False, **how,
        )  # fmt: skip

    def _events(self) -> Queue:
        """Return a queue for the heartbeats that we ask for: they carry the worker's clock."""
        return Queue(
            f"{self._app.conf.event_queue_prefix}.health-cli.{uuid.uuid4().hex}",
            exchange=get_exchange(self._connection, name=self._app.conf.event_exchange),
            routing_key="worker.heartbeat", auto_delete=True, exclusive=True, durable=False, expires=10.0,
        )  # fmt: skip

    def _reply(self, body: Mapping[str, Any], message: Any) -> None:
        asked = self._asked.get(message.headers.get("ticket"))
        if not asked:
            return
        command, since = asked
        now = self._spoken = time.monotonic()
        if command == LEAVING:
            self.replies[LEAVING] = {}
        for node, answer in body.items():
            self.replies.setdefault(command, {}).setdefault(node, []).append((answer, now - since))

    def _event(self, body: Any, message: Any) -> None:
        """Take the clock of a heartbeat that came after we had asked; its way here took part of the difference."""
        now = time.time()
        for event in body if isinstance(body, list) else [body]:
            if self._beats_asked and event.get("type") == "worker-heartbeat":
                middle = (self._beats_asked + now) / 2
                self.offsets.setdefault(event["hostname"], event["timestamp"] - middle)

    def _hear(self, until: float) -> bool:
        """Wait for the next message; tell whether there is time for another."""
        left = until - time.monotonic()
        if left <= 0:
            return False
        try:
            self._connection.drain_events(timeout=left)
        except TimeoutError:
            return False
        return True

    def nodes(self) -> list[str]:
        """The names of the workers that answered; a scheduler that does is none."""
        return [node for node in self.replies.get("ping", {}) if not node.startswith(BEAT)]

    def _deadline(self) -> float:
        """Until when to listen for more."""
        if self._answered_all():  # but for the events, which some workers do not send
            return min(self._until, self._spoken + EVENT_GRACE)
        if self.how == "quiet" and self.replies:
            return min(self._until, self._spoken + QUIET)
        return self._until

    def _complete(self) -> bool:
        return self._answered_all() and set(self.nodes()) <= set(self.offsets)

    def _answered_all(self) -> bool:
        """Tell whether everybody who can be known of has answered everything."""
        if self.how == "quiet" or self.silent():
            return False
        return all(node in self.replies.get(command, {}) for command in QUESTIONS for node in self.nodes())

    def _reading(self, queue: str) -> int:
        """How many of those that answered read a queue."""
        rows = [reply for replies in self.replies.get("active_queues", {}).values() for reply, _ in replies]
        return sum(any(row.get("name") == queue for row in reply) for reply in rows if isinstance(reply, list))


def count_listeners(channel: Any, heard: list[int]) -> None:
    """Make the channel note how many clients each PUBLISH reached; kombu throws that number away.

    Only on Redis, and on this channel alone.
    """
    if channel.connection.client.transport.driver_type != REDIS:
        return
    create = channel.Client

    def listening(*args: Any, **how: Any) -> Any:
        client = create(*args, **how)
        publish = client.publish

        def counted(*words: Any, **options: Any) -> Any:
            reached = publish(*words, **options)
            heard.append(int(reached))
            return reached

        client.publish = counted
        return client

    channel.Client = listening  # a class, or with a key prefix a function that makes one


def consumers_of(connection: Connection, queues: tuple[str, ...]) -> dict[str, int]:
    """Return how many consumers RabbitMQ has for each queue that exists; nothing on other brokers."""
    if driver_of(connection) != RABBITMQ:
        return {}
    found = {name: declared(connection, name) for name in queues}
    return {name: state.consumer_count for name, state in found.items() if state}


def declared(connection: Connection, queue: str) -> Any:
    """Return what the broker knows of a queue, None where it has none of that name.

    On AMQP that answer closes the channel, so that each question has a channel of its own.
    """
    own = driver_of(connection) == RABBITMQ
    channel = connection.channel() if own else connection.default_channel
    try:
        return channel.queue_declare(queue=queue, passive=True)
    except ChannelError as error:
        if str(error.reply_code or error.code) == NOT_FOUND:
            return None
        raise
    finally:
        if own:
            channel.close()
