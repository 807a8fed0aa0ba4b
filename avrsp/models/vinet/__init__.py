"""ViNet and AViNet: S3D, a decoder that joins features along time, and three fusions with sound."""

from avrsp.models.vinet.vinet_entry import ENTRY

__all__ = ["ENTRY"]
