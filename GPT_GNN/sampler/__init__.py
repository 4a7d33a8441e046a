"""HGSampling: seeds to a typed, timed subgraph."""
