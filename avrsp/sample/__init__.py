"""The generated world of preset `sample`."""
