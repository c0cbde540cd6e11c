"""GET /metrics: what is counted, measured and told to Prometheus."""
