"""The shop's URLs: the admin, and health-cli's page in it."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/health/", include("health_cli.urls")),
    path("admin/", admin.site.urls),
]
