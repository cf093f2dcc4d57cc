"""``confirm-rotation``: the new key is stored by other means; let the old one end."""

from uuid import UUID

from signotaur_action.commands.runner import publish, run_with_report, warn_of_access
from signotaur_action.console.console import Console
from signotaur_action.errors import ExitCode, UsageError
from signotaur_action.key_server import HttpKeyService
from signotaur_action.options.common import ROTATION_ID
from signotaur_action.reporting import Report
from signotaur_action.reporting.confirmation import confirmation_report
from signotaur_action.rotation import confirm
from signotaur_action.settings.invocation import Invocation
from signotaur_action.settings.key import key_source, require_no_arguments
from signotaur_action.settings.layers import Settings
from signotaur_action.settings.server import server_address
from signotaur_action.settings.tool import refuse_tool


def run(invocation: Invocation) -> ExitCode:
    """Confirm the rotation and report it. Safe to repeat."""

    def work(settings: Settings, console: Console, report: Report) -> ExitCode:
        source = key_source(settings)
        require_no_arguments(settings)
        server = server_address(settings)
        refuse_tool(settings, "confirm-rotation")
        rotation_id = settings.checked(ROTATION_ID, _identity, None)
        if settings.faults or source is None:
            raise UsageError(settings.faults)
        console.mask(source.key)
        warn_of_access(settings, server, console)
        report.check()
        outcome = confirm(HttpKeyService(server, invocation.clock), source.key, rotation_id)
        publish(report, confirmation_report(outcome))
        return ExitCode.DONE

    return run_with_report(
        invocation, work, outputs={"confirmed": "false"}, document={"confirmed": False}
    )


def _identity(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise ValueError("it is not a rotation id") from None
