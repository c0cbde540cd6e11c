"""Model files that are renamed, moved, described and deleted, unless something uses them."""
