"""What a running service does for itself and its data: copies of the database, the record's heads outside, heartbeats, telling of trouble, recovery."""
