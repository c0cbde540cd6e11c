"""Readers for the headers of model files: names, shapes and types of tensors, and metadata."""
