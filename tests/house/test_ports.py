"""No port is given to two tests before somebody listens on it."""

import socket
from itertools import islice

from tests.support.ports import HIGHEST, LOWEST, free_port, free_ports, ports_of


def test_workers_draw_from_different_ones() -> None:
    each = (HIGHEST - LOWEST) // 5
    drawn = [port for worker in range(5) for port in islice(ports_of(worker, 5, start=4711), each)]
    assert sorted(drawn) == list(range(LOWEST, HIGHEST))


def test_one_that_was_drawn_is_not_drawn_again_while_nobody_listens() -> None:
    assert len({*free_ports(20), *(free_port() for _ in range(20))}) == 40


def test_one_on_which_somebody_listens_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", port := free_port())):
        assert port not in free_ports(HIGHEST - LOWEST)
