"""One module for each raw layout; nothing else knows a raw format."""
