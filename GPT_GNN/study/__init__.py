"""Grids of runs: what is compared, jobs, progress."""
