"""`tether demo`: a balloon store's day, posted by a simulated till to a real service that sends to the sandbox.

It speaks to the service over HTTP only, as any till would; `stage` alone knows how one is put up.
"""

from daemon.demo.performance import play
from daemon.demo.stage import main
from daemon.demo.verdict import Judgement

__all__ = ["Judgement", "main", "play"]
