"""What the tests of the lower rings share."""

from hypothesis import settings

# No time limits: a busy computer is no fault. No database: tests write below tmp_path only.
settings.register_profile("unit", deadline=None, database=None, print_blob=True)
settings.load_profile("unit")
