"""diagnostics: to be described."""
