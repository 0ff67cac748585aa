"""The page's views. What they show is gathered and put in shape in `health_cli.page`."""

import math
import re
import time
from collections.abc import AsyncIterator, Generator
from itertools import islice
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.contrib import admin, messages
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import parse_etags
from django.views.decorators.csrf import csrf_protect

from health_cli import __version__
from health_cli.cli.export import EXPORTS, SCHEMA, Head, iso, point
from health_cli.config.django_source import health_setting
from health_cli.core.assembly import Stamp, machine
from health_cli.history.handling import as_json
from health_cli.history.last import aged, missing
from health_cli.history.loading import fitting
from health_cli.history.reading import Reader, Series
from health_cli.history.trend_words import as_json as trends_json
from health_cli.history.trend_words import said
from health_cli.models import CHECK, HOST, METRIC
from health_cli.page.access import for_superusers, plainly, within_limits
from health_cli.page.overview import known_alerts, newest_of, open_alerts, overview
from health_cli.page.present import etag_of, page_of
from health_cli.page.ranges import RANGES, Range
from health_cli.page.running import start
from health_cli.page.series import seen
from health_cli.page.throttle import Throttle

a_run = Throttle("run", 1, 60)
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")
LINES = 500  # of an export in one piece
DOWNLOAD = {"csv": "text/csv", "json": "application/json", "ndjson": "application/x-ndjson"}


@for_superusers("GET", "HEAD")
def page(request: HttpRequest) -> HttpResponse:
    """The last recorded run of a host; with `part` the content alone, to be put in the place of an older one."""
    setting = health_setting()
    found = overview(setting.RECORD_DATABASE, request.GET.get("host", ""), setting)
    context = {"found": found, "page": page_of(found, time.time()), "here": setting.HOST or machine()}
    if "part" in request.GET:
        return render(request, "health_cli/content.html", context)
    return render(request, "health_cli/page.html", {**admin.site.each_context(request), "title": "Health", **context})


@for_superusers("GET", "HEAD", api=True)
def last(request: HttpRequest) -> HttpResponse:
    """The report of the last recorded run of a host, as `health last -f json` gives it."""
    host = request.GET.get("host", "")
    if not host:
        return plainly("Name a host: ?host=NAME.", 400, True)
    setting = health_setting()
    newest = newest_of(setting.RECORD_DATABASE, host, setting)
    alerts = open_alerts(setting.RECORD_DATABASE, host)
    report = aged(newest.last, None) if newest.last else None
    etag = etag_of(newest, report, alerts)
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        return _tagged(HttpResponseNotModified(), etag)
    found = report or Stamp(__version__).finish([missing(host)], host=host)
    return _tagged(JsonResponse(found.to_json(), status=200 if report else 404), etag)


def _tagged(response: HttpResponse, etag: str) -> HttpResponse:
    response.headers["ETag"] = etag
    return response


@for_superusers("GET", "HEAD", api=True)
def series(request: HttpRequest) -> HttpResponse:
    """What a metric of a host was in a range of time: its points, thresholds and trends."""
    asked = _asked(request)
    if isinstance(asked, HttpResponse):
        return asked
    found = seen(health_setting().RECORD_DATABASE, *asked)
    return JsonResponse(
        {
            "schema": SCHEMA,
            **found.series._asdict(),
            "unit": found.unit,
            "since": iso(found.since),
            "until": iso(found.until),
            **{name: found.extra.get(name) for name in ("warning", "critical")},
            "trends": trends_json(found.trends),
            "said": [line for line in said(found.trends, found.unit) if "n/a" not in line],
            "points": [point(row) for row in found.points],
        }
    )


@for_superusers("GET", "HEAD", api=True)
def alerts(request: HttpRequest) -> HttpResponse:
    """The alerts of all hosts or of one, of all checks or of one, the open ones first."""
    wanted = {"host": request.GET.get("host", ""), "check": request.GET.get("check", "")}
    rows = known_alerts(health_setting().RECORD_DATABASE, **wanted)
    return JsonResponse({"schema": "health-cli-alerts/1", "alerts": [as_json(row) for row in rows]})


@for_superusers("GET", "HEAD", api=True)
def export(request: HttpRequest) -> HttpResponseBase:
    """A metric of a host in a range of time, as a file that streams."""
    asked = _asked(request)
    if isinstance(asked, HttpResponse):
        return asked
    name = request.GET.get("format", "csv")
    if name not in EXPORTS:
        return plainly(f"There is no format '{name}': choose {', '.join(EXPORTS)}.", 400, True)
    found = seen(alias := health_setting().RECORD_DATABASE, *asked)
    head = Head(found.series, found.unit, found.since, found.until, trends_json(found.trends))
    name_of_all = f"{found.series.host}-{found.series.name}-{asked[1].text.replace(' ', '')}"
    file = _NO_NAME.sub("-", name_of_all).strip("-")[:200]
    pieces = _pieces(alias, name, head)
    return StreamingHttpResponse(
        _off_the_loop(pieces) if isinstance(request, ASGIRequest) else pieces,
        headers={"Content-Disposition": f'attachment; filename="{file}.{name}"'},
        content_type=f"{DOWNLOAD[name]}; charset=utf-8",
    )


def _pieces(alias: str, name: str, head: Head) -> Generator[str]:
    """Yield the file in pieces of some lines."""
    with within_limits(alias):
        lines = iter(EXPORTS[name](head, Reader(alias).rows(head.series, head.since, head.until)))
        while piece := "".join(islice(lines, LINES)):
            yield piece


async def _off_the_loop(pieces: Generator[str]) -> AsyncIterator[str]:
    """Yield them in an async server: Django would take them all into memory first."""
    following, end = sync_to_async(lambda: next(pieces, "")), sync_to_async(pieces.close)
    try:
        while piece := await following():
            yield piece
    finally:
        await end()  # in the thread that has the connection


def _asked(request: HttpRequest) -> tuple[Series, Range] | HttpResponse:
    """Return which metric in which range is meant, or the answer to who does not say."""
    host, metric, name = (request.GET.get(key, "") for key in ("host", "metric", "range"))
    name = name or next(iter(RANGES))
    check, _, short = metric.rpartition("/")
    if not host or not check or not short:
        return plainly("Name a host and a metric: ?host=NAME&metric=CHECK/METRIC.", 400, True)
    if name not in RANGES:
        return plainly(f"There is no range '{name}': choose {', '.join(RANGES)}.", 400, True)
    return Series(fitting(host, HOST), fitting(check, CHECK), fitting(short, METRIC)), RANGES[name]


@csrf_protect
@for_superusers("POST", reads=False)
def run_now(request: HttpRequest) -> HttpResponse:
    """Have the checks run, at most once a minute, and tell what became of it."""
    as_data = request.get_preferred_type(["text/html", "application/json"]) == "application/json"
    if seconds := a_run.wait():
        text = f"The checks have just been run: wait {math.ceil(seconds)} seconds."
        return plainly(text, 429, True, seconds) if as_data else _wait(request, text, seconds)
    started = start(health_setting())
    if as_data:
        return JsonResponse(started._asdict(), status=202 if started.state == "queued" else 200)
    messages.info(request, started.message)
    query = urlencode({"host": started.host or request.POST.get("host", "")})
    return redirect(f"{reverse('health:page')}?{query}")


def _wait(request: HttpRequest, text: str, seconds: float) -> HttpResponse:
    """Say that it is too early, with the way back."""
    context = {**admin.site.each_context(request), "title": "Health", "text": text}
    response = render(request, "health_cli/wait.html", context, status=429)
    response.headers["Retry-After"] = str(math.ceil(seconds))
    return response
