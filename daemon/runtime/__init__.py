"""The life of the service's process: start, reload, supervision, listening, logs, the clock, what systemd is told, and its end."""
