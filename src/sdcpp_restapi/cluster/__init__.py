"""One queue over many machines: the only package that knows NATS."""
