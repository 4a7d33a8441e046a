"""Columns of values to features, by name: texts, numbers, categories."""
