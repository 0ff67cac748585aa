"""The checks of Celery: its broker, workers, queues, failed tasks and results."""
