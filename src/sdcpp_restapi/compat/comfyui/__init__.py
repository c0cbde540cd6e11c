"""The part of ComfyUI's interface that plugins use, below /comfyui."""
