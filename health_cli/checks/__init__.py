"""The built-in checks, a package a subsystem. What reads a driver is a module of its own in there."""
