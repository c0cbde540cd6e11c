"""The child process that runs one chat model with llama.cpp."""
