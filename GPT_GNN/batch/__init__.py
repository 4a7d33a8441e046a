"""From a sampled subgraph to tensors, and the masking of the generative task."""
