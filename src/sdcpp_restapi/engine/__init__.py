"""The engine: a supervised child process that owns the C library, and the server's side of it."""
