"""URLs with a language before them, and with names in them."""

from django.conf.urls.i18n import i18n_patterns
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path


def found(request: HttpRequest, **named: str) -> HttpResponse:
    return HttpResponse()


urlpatterns = [
    path("users/<slug:name>/", found),
    re_path(r"^reports/(?P<year>[0-9]{4})/$", found),
    *i18n_patterns(path("basket/<int:number>/", found)),
]
