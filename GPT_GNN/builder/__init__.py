"""What writes a graph store."""
