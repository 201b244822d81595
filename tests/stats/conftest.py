"""Laws are tested without a clock: a busy machine proves nothing wrong."""

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
