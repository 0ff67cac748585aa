"""The shop with django-health-check in it, as its documentation says: the same database, cache and Celery app."""

from shop.settings import *  # noqa: F403
from shop.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "health_check"]
ROOT_URLCONF = "peers.urls"
