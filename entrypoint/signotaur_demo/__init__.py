"""The demo: the main job end to end against a key server on this machine. ``story`` has the steps.

For development: it needs the key server and is not part of the action's image.
"""
