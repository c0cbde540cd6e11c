"""The server's half: which workers there are, and their slots used like those of the server."""
