"""Every JSON shape that crosses a border (HTTP, WebSocket, disk, pipe), defined once."""
