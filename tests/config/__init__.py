"""Tests of the configuration: from settings, environment and options to checks."""
