"""Who may do what: API keys, sessions of browsers, users with their quotas, and signed links to files."""
