"""A member as checked files; any .tflite checked again."""
