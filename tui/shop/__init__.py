"""The shop as the screen knows it: what the service told, kept in order, and what of it waits for somebody."""
