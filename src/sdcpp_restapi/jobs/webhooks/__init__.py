"""Webhooks: the states of jobs, told to the addresses that their requests name."""
