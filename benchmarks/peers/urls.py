"""The endpoint that `manage.py health_check health --no-http` looks at."""

from django.urls import path
from health_check.views import HealthCheckView
from shop.celery import app

CHECKS = [
    "health_check.Database",
    "health_check.Cache",
    ("health_check.contrib.celery.Ping", {"app": app}),
    "health_check.contrib.psutil.Disk",
    "health_check.contrib.psutil.Memory",
]

urlpatterns = [path("health/", HealthCheckView.as_view(checks=CHECKS), name="health")]
