"""The shop's Celery app, with two queues: `orders`, and `emails` for what may wait."""

from celery import Celery

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
