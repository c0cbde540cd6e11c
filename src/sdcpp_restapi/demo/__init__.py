"""A small trained model that comes with the package: what `sdcpp demo` draws with (docs/demo-model.md)."""
