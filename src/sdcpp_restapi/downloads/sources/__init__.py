"""Where models come from: each source is one file here and one row in the registry."""
