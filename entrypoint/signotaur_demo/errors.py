"""The one error of the demo."""


class DemoError(Exception):
    """The demo cannot continue. The message is for a person and contains no key."""
