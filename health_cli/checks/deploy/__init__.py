"""Whether what was deployed is fit to run: its settings, migrations, system checks, static files and version."""
