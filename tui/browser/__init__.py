"""The counter in a browser on the LAN."""
