"""Sets of models: what belongs together, what is on disk of it, what a pull brings and a removal deletes."""
