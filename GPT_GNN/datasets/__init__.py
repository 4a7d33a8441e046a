"""Raw dumps to graph stores; each dataset's own facts live in its file."""
