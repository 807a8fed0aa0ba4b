"""The rows of Table V: ways to join visual and audio tokens."""
