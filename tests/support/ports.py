"""A port for a service that must be told one."""

from daemon.hq.engines import free_ports


def free_port() -> int:
    """One that nobody listens on at the moment, nor is given meanwhile."""
    (port,) = free_ports(1)
    return port
