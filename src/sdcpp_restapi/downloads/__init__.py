"""Getting models: from addresses, CivitAI and Hugging Face into the model folders, whole or not at all."""
