"""Images of a task, from any source, as seeded batches."""
