"""The interface of AUTOMATIC1111's web UI: /sdapi/v1."""
