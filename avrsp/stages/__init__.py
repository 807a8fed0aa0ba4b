"""One main() for each DVC stage."""
