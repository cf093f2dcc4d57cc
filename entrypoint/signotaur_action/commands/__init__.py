"""One module for each command: reads its settings, builds its parts, runs its use case.

``cli`` loads a module only when its command runs, so that no command pays for another.
"""
