"""All models behind one door."""
