"""Tests of the host's checks."""
