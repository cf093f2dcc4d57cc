"""How the tables came to be: one ordered revision per change, run by ``migrate``."""
