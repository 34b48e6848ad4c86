"""Headquarters: the copy of every store's record in PostgreSQL, and the fleet's ledger of opt-outs. Run by `tether hq`, never by a store."""
