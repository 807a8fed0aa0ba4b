"""Bringing the raw data: transfer, check, unpack."""
