"""Tests of the formatters: each output is compared with a golden file and read back by an independent parser."""
