"""What runs in the engine child, the process that owns the C library."""
