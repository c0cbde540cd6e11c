"""Ollama's interface for image models."""
