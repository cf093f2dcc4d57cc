"""How a command's outcome is reported: prose, a JSON object, step outputs, a step summary.

``telling`` is the form that all outcomes take, ``rotation`` and ``guard`` make it (pure), and
``report`` brings it to everybody who listens.
"""

from signotaur_action.reporting.report import Report
from signotaur_action.reporting.report_content import ReportContent

__all__ = ["Report", "ReportContent"]
