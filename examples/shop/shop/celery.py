"""The shop's Celery app, with two queues: `orders`, and `emails` for what may wait."""

import os
import time

from celery import Celery
from celery.signals import before_task_publish

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@before_task_publish.connect
def stamp(properties, **_):
    """Note when a task was sent, so that the age of the oldest one waiting can be told."""
    properties.setdefault("timestamp", int(time.time()))
