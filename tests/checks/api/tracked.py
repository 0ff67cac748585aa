"""Views whose requests drf-api-tracking keeps."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_tracking.mixins import LoggingMixin

from tests.checks.api import project


class Tracked(LoggingMixin, APIView):  # type: ignore[misc]  # without types
    """Answers with the status that it is asked for."""

    def get(self, request: Request, number: int) -> Response:
        return Response({}, status=number)


urlpatterns = [*project.urlpatterns, path("tracked/<int:number>/", Tracked.as_view())]
