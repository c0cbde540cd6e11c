"""A model without training, small enough to be written on the spot: what `sdcpp demo` draws with."""
