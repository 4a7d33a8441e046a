"""Encoder, decoders and the adaptive embedding queue."""
