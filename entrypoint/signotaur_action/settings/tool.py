"""``--tool``: the vendor's program instead of the rotation protocol."""

from signotaur_action.http import ServerAddress
from signotaur_action.options.common import (
    AGAIN,
    CA_FILE,
    DEFER_CONFIRM,
    IF_EXPIRING_WITHIN,
    TOOL,
)
from signotaur_action.settings.layers import Settings
from signotaur_action.vendor_tool import ToolCommand
from signotaur_action.vendor_tool.command import find_program


def tool_command(
    settings: Settings, server: ServerAddress, *, overlap_days: int
) -> ToolCommand | None:
    """Return how to call the tool; None without ``--tool``. Faults gather in ``settings``."""
    name = settings.text(TOOL)
    if not name:
        return None
    program = find_program(name, settings.environ)
    if program is None:
        settings.faults.append(f"{TOOL}: {name} is not a program on this machine")
    if settings.flag(DEFER_CONFIRM):
        settings.faults.append(
            f"{DEFER_CONFIRM} is not possible with {TOOL}: its server schedules the old key's "
            "revocation at once; use --no-auto-revoke and revoke the old key by hand"
        )
    if settings.text(CA_FILE):
        settings.faults.append(
            f"{CA_FILE} is not possible with {TOOL}: the tool trusts the authorities of its system"
        )
    if overlap_days == 0 and not settings.flag(AGAIN):
        settings.faults.append(
            f"--overlap-days 0 with {TOOL} ends the old key before the new one is delivered; "
            "give --again as well if you want that"
        )
    window = settings.text(IF_EXPIRING_WITHIN)
    return ToolCommand(program or name, server, settings.environ, window)


def refuse_tool(settings: Settings, command: str) -> None:
    """Add a fault if a tool is set for a command that the tool cannot do."""
    if settings.is_given(TOOL):
        settings.faults.append(
            f"{command} is not possible with {TOOL}: it needs a server with the rotation protocol"
        )
