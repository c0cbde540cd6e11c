"""Chat models of the llm folder, run by llama.cpp out of the engine wheel in a child process of their own."""
