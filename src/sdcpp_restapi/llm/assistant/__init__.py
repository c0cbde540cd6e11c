"""The assistant: a chat model that knows the server's state and proposes actions."""
