"""One profile for all properties: no deadline, since a busy machine is no fault of ours."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
