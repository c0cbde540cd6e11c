"""Clients against real servers: our own, and those of other programs."""
