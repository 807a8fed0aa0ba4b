"""AVRSP, the network of the paper."""
