"""The store's line to headquarters: an option. Nothing of it is imported without `[fleet]` in tether.toml (docs/fleet.md)."""
