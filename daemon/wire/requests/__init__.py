"""What staff, the command line and administrators ask for, by subject: the body of each call is the one source of validation and of the
OpenAPI schemas, and the call itself is what the screen and the command line have made. What is left out of a body has its default.
"""
