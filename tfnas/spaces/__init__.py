"""What may stand where: ops, spaces, architectures, budgets. Plain data, no Keras."""
