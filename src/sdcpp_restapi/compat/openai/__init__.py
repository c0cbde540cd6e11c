"""OpenAI's interface: images, videos, and the configured language model."""
