"""AVRSP, the network of the paper."""

from avrsp.models.avrsp.entry import ENTRY

__all__ = ["ENTRY"]
