"""The Open Academic Graph."""
