"""One module for each group of endpoints; a route parses, makes one or two calls, and answers."""
