"""A key service that is the command line of SignotaurTool, for servers without our protocol.

``command`` calls the program, ``answer`` finds the new key in its output, ``answer_file`` keeps
that output so that a killed run loses no key, ``keys`` is the ``ports.KeyService`` over them.
"""

from signotaur_action.vendor_tool.command import ToolCommand
from signotaur_action.vendor_tool.keys import ToolKeyService

__all__ = ["ToolCommand", "ToolKeyService"]
