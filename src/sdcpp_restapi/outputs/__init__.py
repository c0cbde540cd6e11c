"""The output folder, seen from outside: no job code and no database, it works while the engine is down."""
