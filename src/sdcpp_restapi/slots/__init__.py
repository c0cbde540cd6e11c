"""Slots: the places where models are in memory, which of them may run a job, and what it must load first."""
