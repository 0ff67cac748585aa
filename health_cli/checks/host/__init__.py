"""The checks of this host: memory, swap, load, CPU, disks and processes, within the limits of a cgroup."""
