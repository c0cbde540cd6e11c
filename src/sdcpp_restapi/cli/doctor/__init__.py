"""`sdcpp doctor`: checks of everything that the server needs."""
