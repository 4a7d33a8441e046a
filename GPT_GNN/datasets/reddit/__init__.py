"""Posts, users and communities of Reddit."""
