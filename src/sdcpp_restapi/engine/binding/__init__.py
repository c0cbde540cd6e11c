"""All that a revision of the engine's C library decides: its interface, names, log lines and behaviour."""
