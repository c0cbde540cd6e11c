"""`python -m sdcpp_restapi` is the command `sdcpp`."""

from .cli import main

main()
