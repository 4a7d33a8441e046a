"""The built-in academic graph."""
