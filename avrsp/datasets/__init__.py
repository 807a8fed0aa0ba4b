"""The datasets: registry, sheets, readers of raw layouts, downloads."""
