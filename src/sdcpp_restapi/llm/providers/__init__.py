"""The providers of chat models, one a file, and the registry that lists them."""
