"""Many rotations in one run: a file that lists them, and a process for each of them.

``document`` reads the file, ``run`` starts the processes, ``outcomes`` says how they ended. What
the members of the file mean is known to ``settings.fleet``.
"""
