"""The protocol of client and key server: paths, fields, problem types, key format.

Standard library only; both sides may import it, it imports neither.
"""
