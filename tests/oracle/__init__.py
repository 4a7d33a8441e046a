"""Slow, literal twins of the fast code."""
