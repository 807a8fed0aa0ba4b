"""Blocks and encoders without an opinion on saliency."""
