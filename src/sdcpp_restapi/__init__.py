"""REST and WebSocket server for image and video generation with stable-diffusion.cpp."""

from importlib.metadata import version

__version__ = version("sdcpp-restapi")
