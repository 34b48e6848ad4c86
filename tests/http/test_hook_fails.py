"""POST /v1/events while the disk or the database fails, or we do: the till is told what to do and nothing that is ours to know."""

import pytest

from outbox import store
from tests.http.test_hook import post
from tests.support.face import Face, event, opened


async def test_a_disk_without_room_asks_the_till_to_come_again() -> None:
    async with opened(reserve=2**62) as face:
        answer = await post(face, event())
    assert (answer.status, int(answer.headers["Retry-After"])) == (507, 60)
    assert "make room" in answer.problem["detail"]


async def test_a_database_that_another_program_holds_asks_the_till_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "BUSY_MS", 10)
    async with opened() as face:
        with face.store.held():
            answer = await post(face, event())
        assert (answer.status, int(answer.headers["Retry-After"])) == (503, 5)
        assert "another program holds the database" in answer.problem["detail"]
        assert (await post(face, event())).status == 202


async def test_bug_is_told_without_its_words(face: Face) -> None:
    face.store.fails_with("password hunter2")
    answer = await post(face, event())
    assert answer.status == 500
    assert b"hunter2" not in answer.body
    assert answer.problem["request_id"] in answer.problem["detail"]
