"""One training loop for everything, and what it needs."""
