"""The networks: registry, layers, and one entry each."""
