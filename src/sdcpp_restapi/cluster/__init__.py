"""One queue for many machines: the only package that knows NATS. Here is what both halves share."""
