"""The commands: they build real things, call one use case, and print its outcome.

stdout carries only what was asked for; everything else goes to stderr.
"""
