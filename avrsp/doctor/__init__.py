"""What is there, what is missing, and the next command; in a moment, and without torch."""
