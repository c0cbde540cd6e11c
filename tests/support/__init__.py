"""What tests share: servers, engines, models, and the other ends of the wire."""
