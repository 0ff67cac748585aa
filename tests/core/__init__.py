"""Tests of the core: pure, without Django."""
