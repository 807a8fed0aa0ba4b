"""The network of the paper's Fig. 2."""
