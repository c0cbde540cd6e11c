"""The HTTP and WebSocket interface: routes parse, make one or two calls and answer."""
