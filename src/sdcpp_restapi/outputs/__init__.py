"""The output folder as clients see it: files, listings, thumbnails. Needs neither database nor engine."""
