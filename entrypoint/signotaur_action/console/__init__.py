"""The terminal: progress, errors, questions."""
