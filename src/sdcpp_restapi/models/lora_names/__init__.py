"""How LoRAs and models name their layers, and LoRAs written again in the engine's spelling."""
