"""The one error of the demo."""


class DemoError(Exception):
    """The demo cannot continue. The message is for a person and holds no key."""
