"""Configuration: from Django's settings, the environment and the command line to the list of checks."""
