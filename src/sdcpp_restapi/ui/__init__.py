"""The page at /ui: static files, made from the folder `ui/` of the repository when the package is built."""
