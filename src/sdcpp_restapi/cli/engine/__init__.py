"""`sdcpp engine`: other builds of the engine's library, for GPUs."""
