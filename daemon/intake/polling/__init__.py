"""Asking sources what changed: a page at a time, from a durable cursor, a little further back than it is."""
