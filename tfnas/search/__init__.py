"""One family from data and prices, into a run folder."""
