"""What a run costs, beside what others cost: `make bench`."""
