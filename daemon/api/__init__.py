"""The HTTP face: bytes in, checked values to the outbox, answers out. No rule of the business lives here."""
