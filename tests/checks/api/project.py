"""A small API to be asked by load: its settings, URLs and views in one module, served by gunicorn."""

import json
import os
import time
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path

SECRET_KEY = "no secret of anybody"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = os.environ.get("API_URLCONF", __name__)
FORCE_SCRIPT_NAME = os.environ.get("API_SCRIPT_NAME")
DATABASES: dict[str, Any] = json.loads(os.environ.get("API_DATABASES", "{}"))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
CACHES = json.loads(os.environ.get("API_CACHES", "{}"))
MIDDLEWARE = json.loads(os.environ.get("API_MIDDLEWARE", '["health_cli.middleware.ApiStatistics"]'))
HEALTH_CLI = json.loads(os.environ.get("API_HEALTH_CLI", "{}"))
INSTALLED_APPS = ["health_cli", *json.loads(os.environ.get("API_APPS", "[]"))]
LOGGING = json.loads(os.environ.get("API_LOGGING", "{}"))
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    **({} if "django.contrib.auth" in INSTALLED_APPS else {"UNAUTHENTICATED_USER": None}),
    "DEFAULT_THROTTLE_RATES": {"anon": "3/day"},
}


def order(request: HttpRequest, number: int) -> HttpResponse:
    if number == 404:
        raise Http404
    return JsonResponse({"order": number}, status=201 if request.method == "POST" else 200)


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("as it is meant")


def slow(request: HttpRequest) -> HttpResponse:
    time.sleep(float(request.GET.get("s", "0.2")))
    return HttpResponse("at last")


def status(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(status=number)


def near(request: HttpRequest, left: int) -> HttpResponse:
    return HttpResponse(headers={"RateLimit-Limit": "100", "RateLimit-Remaining": str(left)})


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"a", b"b"]))


async def later(request: HttpRequest) -> HttpResponse:
    return HttpResponse("async")


orders = [path("<int:number>/", order)]
urlpatterns = [
    path("orders/", include(orders)),
    path("fail/", fail),
    path("slow/", slow),
    path("status/<int:number>/", status),
    path("near/<int:left>/", near),
    path("stream/", stream),
    path("later/", later),
]

if "rest_framework_tracking" in INSTALLED_APPS:
    ROOT_URLCONF = "tests.checks.api.tracked"  # its models can't be imported with the settings
elif "rest_framework" in INSTALLED_APPS:
    from tests.checks.api.limited import limited_urls

    urlpatterns += limited_urls
