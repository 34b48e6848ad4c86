"""Tether's service, and the command line around it."""

VERSION = "0.1.0"
"""This release. What is installed knows it too, but to ask that takes a start 8 ms and the service 0.8 MiB."""
