"""Architecture -> Keras model -> bytes: build, count, inherit, fit, score, convert."""
