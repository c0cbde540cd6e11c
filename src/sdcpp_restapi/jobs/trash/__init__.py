"""Deleted jobs: moved to the trash with their files, restored, purged, and what all files take on disk."""
