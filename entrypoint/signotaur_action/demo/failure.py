"""How the demo fails."""

from signotaur_action.errors import SignotaurError


class DemoFailed(SignotaurError):
    """The demo itself cannot go on."""

    keys = "The demo's keys live on its own server only and are thrown away."
    next = "Run `make install` and try again; --debug tells more."
