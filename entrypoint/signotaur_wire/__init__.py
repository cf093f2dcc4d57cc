"""What client and key server say to each other: paths, fields, problem types, key format.

Standard library only; both sides may import it, it imports neither.
"""
