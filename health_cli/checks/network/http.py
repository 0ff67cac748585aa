"""network.http:NAME: whether a URL answers as it should, how fast, and a number out of its answer."""

import base64
import http.client
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from health_cli import __version__
from health_cli.checks.network.reach import Address, connected, explained
from health_cli.checks.network.tls import context_of, refused
from health_cli.core.check import Check
from health_cli.core.errors import Failure
from health_cli.core.finding import Finding
from health_cli.core.kind import Kind
from health_cli.core.measurement import Measurement
from health_cli.core.metric import Metric, as_finite, metric
from health_cli.core.result import Result
from health_cli.core.status import Status
from health_cli.core.units import humanize
from health_cli.core.variables import resolved, secrets_of

PART, MOST, REDIRECTS, SHOWN = 0.9, 1 << 20, 5, 120
PORTS = {"http": 80, "https": 443}
_STEP = re.compile(r"\.?([^.\[\]'\"]+)|\[(\d+)\]|\[(?:'([^']*)'|\"([^\"]*)\")\]")
_STATUS = re.compile(r"[1-5](\d\d|xx)(-[1-5]\d\d)?")

METRICS = (
    metric("response_time", "s", help="Seconds until the whole answer was there, redirects included."),
    metric("connect_time", "s", help="Seconds of that until the first connection stood."),
    metric("size", "B", help="Bytes of the answer."),
    metric("value", help="The number that `json` names in the answer; null without it."),
)


class Answer(NamedTuple):
    """What a server has answered; `took` and `connecting` are seconds."""

    url: str
    status: int
    body: bytes
    took: float
    connecting: float


@dataclass(frozen=True, kw_only=True)
class Http(Check):
    """A URL that must answer: `"CHECKS": {"network.http:shop": {"HTTP": "https://shop.example.org/health/"}}`.

    Critical where it can't be reached, its certificate is not accepted, or the status is another than `status`: a
    number (200), a class (2xx) or a range (200-399, the default), or several of them with commas. Up to 5 redirects
    are followed, unless `redirects` is off. `contains` is a text that must be in the answer. `json` names a number
    in an answer of JSON, as `queue.length`, `jobs[0].age` or `$['a b'].n`; it becomes the metric `value`, which
    `warning` and `critical` judge then; without it they judge `response_time`. `method` and `body` ask in another
    way than by GET. `headers` are sent too; a value `env:NAME` is that of a variable of the environment, and no
    value is ever shown. `ca_file` names an authority of one's own.

    Of an answer 1 MiB is read. Proxies of the environment are not used.
    """

    name: str = "network.http"
    metrics: tuple[Metric, ...] = field(default=METRICS)
    url: str = ""
    method: str = "GET"
    body: str = ""
    status: str = "200-399"
    contains: str = ""
    json: str = ""
    redirects: bool = True
    ca_file: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def main(self) -> str:
        """The metric that `warning` and `critical` judge: the number, where one is asked for."""
        return "value" if self.json else "response_time"

    @property
    def secrets(self) -> frozenset[str]:
        """The values of the headers: they are for the server alone."""
        return frozenset(self.headers.values()) | secrets_of(self.headers.values())

    def verify(self) -> None:
        """Raise Failure or ValueError where an option makes no sense."""
        split(self.url)
        steps(self.json)
        if wrong := status_problem(self.status):
            raise ValueError(wrong)

    def gather(self) -> Measurement:
        """Ask, and follow; Failure where there is no answer."""
        until = time.monotonic() + self.timeout * PART
        began, url, headers = time.monotonic(), self.url, {name: resolved(text) for name, text in self.headers.items()}
        connecting = 0.0
        for _ in range(REDIRECTS + 1):
            status, where, body, took = self._ask(url, until, headers)
            connecting = connecting or took
            if not (self.redirects and 300 <= status < 400 and where):
                return self._measured(Answer(url, status, body, time.monotonic() - began, connecting))
            followed = urljoin(url, where)
            if urlsplit(followed)[:2] != urlsplit(url)[:2]:
                headers = {}  # they were meant for the first one
            url = followed
        raise Failure(
            Kind.MISCONFIGURED, f"{self.url} redirects more than {REDIRECTS} times, at last to {url}.",
            summary="redirects in a circle", hint="Follow it by hand: curl -IL",
        )  # fmt: skip

    def _ask(self, url: str, until: float, headers: Mapping[str, str]) -> tuple[int, str, bytes, float]:
        """Return status, where it redirects to, body and the time to connect."""
        parts = split(url)
        address = Address(parts.hostname or "", parts.port or PORTS[parts.scheme])
        limit = max(0.01, until - time.monotonic())
        with explained(address, self.timeout * PART):
            link, took = connected(address, limit)
            connection = http.client.HTTPConnection(*address, timeout=max(0.01, until - time.monotonic()))
            connection.sock = link
            link.settimeout(connection.timeout)
            try:
                if parts.scheme == "https":
                    connection.sock = context_of(self.ca_file).wrap_socket(link, server_hostname=address.host)
                return (*self._answer(connection, parts, until, headers), took)
            except http.client.HTTPException as error:
                text = f"{type(error).__name__}: {error}"[:SHOWN]
                raise Failure(
                    Kind.REFUSED, f"{address} answers with what is no HTTP: {text}.", summary="no HTTP",
                    hint="Is it HTTPS that is spoken there, or another service?",
                ) from error  # fmt: skip
            except TimeoutError as error:
                raise Failure(
                    Kind.TIMEOUT, f"{address} took the connection and did not answer within {self.timeout * PART:g} s.",
                    summary="no answer", hint="Is the service overloaded, or does it hang? See its own log.",
                ) from error  # fmt: skip
            except OSError as error:
                if hasattr(error, "verify_code"):
                    raise refused(address, error) from error  # type: ignore[arg-type]  # of ssl: it has that code
                raise
            finally:
                connection.close()
                link.close()

    def _answer(
        self, connection: http.client.HTTPConnection, parts: SplitResult, until: float, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        sent = {"User-Agent": f"health-cli/{__version__}", "Accept": "*/*", "Connection": "close", **headers}
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            sent.setdefault("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")
        connection.request(self.method, path, body=self.body.encode() or None, headers=sent)
        answer = connection.getresponse()
        body = b""
        while len(body) < MOST and (part := answer.read1(65_536)):
            body += part
            if time.monotonic() > until:
                raise TimeoutError
        return answer.status, answer.headers.get("Location", ""), body

    def _measured(self, answer: Answer) -> Measurement:
        values: dict[str, float] = {
            "response_time": answer.took, "connect_time": answer.connecting, "size": len(answer.body)
        }  # fmt: skip
        missing, facts = {}, {"url": answer.url, "http_status": answer.status}
        text = answer.body.decode(errors="replace")
        facts["contains"] = not self.contains or self.contains in text
        try:
            values["value"] = number_in(text, self.json)
        except ValueError as error:
            missing["value"] = str(error)
        return Measurement(values=values, missing=missing, facts=facts)

    def judge(self, measurement: Measurement) -> Result:
        """Judge the status, the text and the number."""
        facts, values = measurement.facts, measurement.values
        took = humanize(values["response_time"], "s")
        return self.result(
            measurement, summary=f"{facts['http_status']} in {took}", findings=list(self._findings(measurement))
        )

    def _findings(self, measurement: Measurement) -> Iterator[Finding]:
        facts = measurement.facts
        if not is_among(facts["http_status"], self.status):
            yield Finding(
                status=Status.CRITICAL, kind=Kind.MISCONFIGURED, summary=f"status {facts['http_status']}",
                message=f"{facts['url']} answers with status {facts['http_status']}, and {self.status} is expected",
                hint="It asks for a login: give one as user:password in the URL, or in 'headers'."
                if facts["http_status"] in {401, 403} else "Look into the log of the server there.",
            )  # fmt: skip
        elif not facts["contains"]:
            yield Finding(
                status=Status.CRITICAL, kind=Kind.MISSING, summary="text missing",
                message=f"The answer of {facts['url']} does not contain {self.contains!r}",
                hint="Look at the page: is it the one that was meant?",
            )  # fmt: skip
        elif self.json and "value" in measurement.missing:
            yield Finding(
                status=Status.UNKNOWN, kind=Kind.MISSING, summary="no number",
                message=f"The answer of {facts['url']} has no number: {measurement.missing['value']}",
                hint="Correct the option 'json': a path, as in queue.length or jobs[0].age.",
            )  # fmt: skip


def split(url: str) -> SplitResult:
    """Return the parts of a URL; Failure where it is none that can be asked."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in PORTS and parts.hostname and parts.port != 0
    except ValueError:  # a port above 65535, or half an address of IPv6
        usable = False
    if not usable or not url.isascii() or re.search(r"[\s\x00-\x1f]", url):
        raise Failure(
            Kind.MISCONFIGURED, f"'{url}' is no URL of the form http://host/path, in ASCII.", summary="no URL",
            status=Status.UNKNOWN, hint="Correct it in HEALTH_CLI['CHECKS'].",
        )  # fmt: skip
    return parts


def is_among(status: int, allowed: str) -> bool:
    """Tell whether a status is among those that a text allows: `200`, `2xx`, `200-399`, several with commas."""
    for part in allowed.replace(" ", "").split(","):
        low, _, high = part.partition("-")
        first, last = low.replace("xx", "00"), (high or low).replace("xx", "99")
        if int(first) <= status <= int(last):
            return True
    return False


def status_problem(allowed: str) -> str:
    """Say what is wrong with such a text, or nothing."""
    wrong = [part for part in allowed.replace(" ", "").split(",") if not _STATUS.fullmatch(part)]
    return f"'{wrong[0]}' is no status: write 200, 2xx or 200-399" if wrong else ""


def number_in(text: str, path: str) -> float:
    """Return the number at a path in JSON; ValueError says why there is none."""
    if not path:
        raise ValueError("no number is asked for")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    for step in steps(path):
        try:
            found = found[int(step) if isinstance(found, list) else step]
        except (KeyError, IndexError, TypeError, ValueError):
            raise ValueError(f"there is no '{step}' in it (of {path})") from None
    try:
        return as_finite(found)
    except TypeError:
        what = str(found)[:SHOWN] if isinstance(found, int | float) else type(found).__name__
        raise ValueError(f"{path} is {what}, no number") from None


def steps(path: str) -> list[str]:
    """Return the names and indexes of a path, as `a.b[0]['c d']`; ValueError where it is none."""
    rest, found = path.removeprefix("$"), []
    while rest:
        match = _STEP.match(rest)
        if not match:
            raise ValueError(f"'{path}' is no path, as in queue.length or jobs[0].age")
        found.append(next(group for group in match.groups() if group is not None))
        rest = rest[match.end() :]
    return found
