"""The core: what a health check is, without Django and without any third party.

Read the modules in this order: status, threshold, metric, measurement, kind, errors, result, check,
registry, plan, runner, worker, supervisor, report, redaction. Imports run that one way.
"""
