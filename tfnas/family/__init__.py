"""Which member for which wish."""
