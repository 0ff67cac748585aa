"""Logs: what applications have written into their files, read from the end."""
