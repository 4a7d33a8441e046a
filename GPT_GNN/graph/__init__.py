"""The graph store: a folder of arrays, opened by mmap."""
