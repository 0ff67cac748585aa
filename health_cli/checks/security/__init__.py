"""The checks of the project's security: what is known to be vulnerable."""
