"""The demo: the main job end to end against a key server of this machine. ``story`` tells it.

Development aid only: the action's image has no key server and so cannot run it.
"""
