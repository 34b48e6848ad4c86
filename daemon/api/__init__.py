"""The HTTP face (DESIGN 6): bytes in, checked values to the outbox, answers out. No rule of the business lives here."""
