"""A release and what proves it: signatures as minisign makes them, the list of what is in it, and `make release` on both."""
