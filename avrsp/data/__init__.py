"""From raw videos and eye tracking to stores, and from stores to clips."""
