"""Academic records to a graph store."""
