"""Models on disk: what is there, what a request's names mean, what each architecture needs."""
