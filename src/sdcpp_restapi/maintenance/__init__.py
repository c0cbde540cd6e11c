"""Backups of a server's data, and what brings them back."""
