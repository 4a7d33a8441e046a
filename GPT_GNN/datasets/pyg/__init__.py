"""Data of PyG: to a store and back."""
