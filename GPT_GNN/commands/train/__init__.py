"""Commands that train or use models."""
