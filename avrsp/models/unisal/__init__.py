"""UNISAL: a light recurrent network for videos and images."""

from avrsp.models.unisal.unisal_entry import ENTRY

__all__ = ["ENTRY"]
