"""The option that rewrites the transcripts: ``make golden``."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option; a whole run, which never rewrites, does without it."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden transcripts")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether transcripts are to be rewritten, not compared."""
    return bool(request.config.getoption("--update-golden", default=False))
