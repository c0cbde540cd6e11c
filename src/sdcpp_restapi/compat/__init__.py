"""Interfaces of other programs, so that their clients work unmodified: translations onto the same jobs."""
