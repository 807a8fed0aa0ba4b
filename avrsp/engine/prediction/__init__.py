"""From frames and sound to maps; what neighbouring windows share is computed once."""
