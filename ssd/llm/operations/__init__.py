"""What the model is asked: one module for each operation, with its schema, its prompt and its checks."""
