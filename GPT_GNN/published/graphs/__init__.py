"""Graphs of the published code: read, convert, write."""
