"""What makes Tether an appliance: set up once, examined, backed up, repaired, upgraded, and heard of when it needs a person."""
