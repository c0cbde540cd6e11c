"""From a request to a stored job: everything is checked here, while the client still listens."""
