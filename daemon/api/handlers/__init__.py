"""The calls, a file for each thing that is asked about."""
