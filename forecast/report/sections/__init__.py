"""sections: to be described."""
