"""The box's own key: what proves that a record or a backup is its own, and what opens its backups. No part of the database holds it."""
