"""watch(): hooks and a sampler observe a block of code, and make a Run of it."""
