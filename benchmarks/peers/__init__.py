"""The projects that health-cli is measured against."""
