"""What speaks with the service: where it is, its answers as values, what may be asked of it, and how that is done once."""
