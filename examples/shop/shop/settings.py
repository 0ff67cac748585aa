"""The shop: SQLite and a cache in files by default, real servers where the environment names them."""

import json
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(os.environ.get("SHOP_STATE", BASE_DIR))

SECRET_KEY = os.environ.get("SHOP_SECRET_KEY", "an example has no secrets")
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "health_cli",
    "shop",
    *json.loads(os.environ.get("SHOP_APPS", "[]")),  # such as ["django_celery_results"]
]

# With SHOP_ADMIN the shop has Django's admin, or Unfold's ("unfold"), and in it the page: manage.py runserver
ADMIN = os.environ.get("SHOP_ADMIN")
if ADMIN:
    INSTALLED_APPS = [
        *([ADMIN] if ADMIN == "unfold" else []),
        "django.contrib.admin",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        *INSTALLED_APPS,
    ]
    ROOT_URLCONF = "shop.urls"
    STATIC_URL = "static/"
    MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ]
    CONTEXT = ("django.template.context_processors.request", "django.contrib.auth.context_processors.auth")
    TEMPLATES = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": [*CONTEXT, "django.contrib.messages.context_processors.messages"]},
        }
    ]

# SHOP_DATABASES and SHOP_CACHES replace the defaults, as JSON: so that the tests can use real servers.
DATABASES = json.loads(os.environ.get("SHOP_DATABASES", "{}")) or {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": STATE_DIR / "db.sqlite3"}
}
CACHES = json.loads(os.environ.get("SHOP_CACHES", "{}")) or {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    }
}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "memory://")
CELERY_RESULT_BACKEND = os.environ.get("CELERY_RESULT_BACKEND")
CELERY_TASK_ROUTES = {"shop.tasks.send_invoice": {"queue": "emails"}}
CELERY_TASK_DEFAULT_QUEUE = "orders"
# SHOP_CELERY adds to these settings, or replaces them: {"CELERY_TASK_ACKS_LATE": true}
globals().update(json.loads(os.environ.get("SHOP_CELERY", "{}")))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {
        "file": {
            "class": "logging.FileHandler",
            "filename": STATE_DIR / "shop.log",
            "formatter": "plain",
            "delay": True,
        }
    },
    "loggers": {"shop": {"handlers": ["file"], "level": "INFO"}},
}

HEALTH_CLI = json.loads(os.environ.get("SHOP_HEALTH_CLI", "{}")) or {
    "THRESHOLDS": {"host.load/load15_per_cpu": {"warning": "4", "critical": "8"}},
}
