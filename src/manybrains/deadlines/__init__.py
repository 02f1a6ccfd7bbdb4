"""A deadline ends a block of code, whatever it does, and tells where everybody stood."""
