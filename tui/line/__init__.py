"""The line that is always ready: what is typed or scanned into it, and what that means."""
