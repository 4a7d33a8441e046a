"""Tables of one's own, by a description."""
