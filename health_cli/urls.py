"""The page's URLs: `path("admin/health/", include("health_cli.urls"))`, before those of the admin."""

from django.urls import path

from health_cli import views

app_name = "health"
urlpatterns = [
    path("", views.page, name="page"),
    path("run/", views.run_now, name="run"),
    path("api/last/", views.last, name="last"),
    path("api/series/", views.series, name="series"),
    path("api/alerts/", views.alerts, name="alerts"),
    path("export/", views.export, name="export"),
]
