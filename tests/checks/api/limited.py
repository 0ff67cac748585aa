"""Views that turn clients away: by Django REST framework's throttles, and by django-ratelimit."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django_ratelimit.decorators import ratelimit
from rest_framework.decorators import api_view, throttle_classes
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle


@api_view(["GET"])
@throttle_classes([AnonRateThrottle])
def throttled(request: Request) -> Response:
    return Response({})


@ratelimit(key="ip", rate="2/d")
def blocked(request: HttpRequest) -> HttpResponse:
    return HttpResponse("let through")


@api_view(["GET"])
@ratelimit(key="ip", rate="2/d")
def counted(request: Request) -> Response:
    return Response({})


limited_urls = [path("throttled/", throttled), path("blocked/", blocked), path("counted/", counted)]
