"""Chat models: providers, the enhancement of prompts, and its history."""
