"""Model files: the catalog of files on disk, what their headers say, and which files a request needs."""
