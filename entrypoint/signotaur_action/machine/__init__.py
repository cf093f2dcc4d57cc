"""What the operating system gives: private files, locks, signals, the watchdog.

``MACHINE`` is this one's; nothing else in the client asks which system it runs on.
"""

import sys

from signotaur_action.machine.port import Folder, Limits, Machine

if sys.platform == "win32":
    from signotaur_action.machine.win32 import Win32
    from signotaur_action.machine.windows import Windows

    _here: Machine = Windows(Win32())
else:
    from signotaur_action.machine.posix import Posix

    _here: Machine = Posix()

MACHINE = _here

__all__ = ["MACHINE", "Folder", "Limits", "Machine"]
