"""What `sdcpp check` looks at, and how it is repaired."""
