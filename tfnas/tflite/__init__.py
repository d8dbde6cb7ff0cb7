"""A .tflite file as bytes: look inside, run, annotate, plan its RAM. No TensorFlow."""
