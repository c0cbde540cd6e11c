"""Which test shows that a field of the API acts: docs/parameters.md is made of it, and checked."""
