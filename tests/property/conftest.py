"""One profile for all properties: no deadline on busy machines, no files in the checkout."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None, database=None)
settings.load_profile("unhurried")
