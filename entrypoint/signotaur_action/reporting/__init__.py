"""How a command's outcome is reported: prose, a JSON object, step outputs, a step summary.

``report_content`` is the form of all outcomes, ``rotation`` and others make it (pure), and
``report`` writes it to all places.
"""

from signotaur_action.reporting.report import Report
from signotaur_action.reporting.report_content import ReportContent

__all__ = ["Report", "ReportContent"]
