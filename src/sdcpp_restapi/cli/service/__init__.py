"""`sdcpp service`: has the system start a server or a worker, and start it again when it fails."""
