"""watch(): a block of code is hooked, looked at from outside, and becomes a Run."""
