"""Tests of the checks, against the real thing."""
