"""`python -m health_cli` and the `health` script: both are `health_cli.cli.entry.main`."""

from health_cli.cli.entry import main

if __name__ == "__main__":
    main()
