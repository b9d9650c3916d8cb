"""Channels between processes, and the budget of restarts."""

from __future__ import annotations

import os
import random
import signal
import sys
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.pipeline.messages import FrameReady, Leave, Pass, Ready
from vision.pipeline.process import Channel, Child, RestartBudget


def connected() -> tuple[Channel, Channel]:
    ours, end = Channel.pair()
    return ours, Channel(end)


@given(st.lists(st.binary(max_size=3000), max_size=40))
def test_messages_arrive_whole_and_in_order(payloads: list[bytes]) -> None:
    ours, theirs = connected()
    for payload in payloads:
        ours.send(payload)
    got = []
    while len(got) < len(payloads):
        ours.flush()
        got += theirs.receive()
    assert got == payloads
    ours.close()
    theirs.close()


def test_a_reader_that_does_not_read_never_blocks_the_sender() -> None:
    ours, theirs = connected()
    big = random.Random(1).randbytes(1 << 20)
    for number in range(20):
        ours.send((number, big))
    assert ours.waiting
    assert ours.outbox_bytes > 10 << 20
    got = []
    while len(got) < 20:
        ours.flush()
        got += [number for number, _ in theirs.receive()]
    assert got == list(range(20))
    assert ours.outbox_bytes == 0
    ours.close()
    theirs.close()


def test_what_is_held_leaves_with_the_next_message_in_order() -> None:
    ours, theirs = connected()
    ours.hold(Pass(1))
    ours.hold(Leave())
    assert theirs.receive() == []
    ours.send(Ready("now"))
    assert [(type(message), message) for message in theirs.receive()] == [(Pass, Pass(1)), (Leave, Leave()), (Ready, Ready("now"))]
    ours.hold(Pass(2))
    ours.release()
    ours.release()
    assert theirs.receive() == [Pass(2)]
    ours.close()
    theirs.close()


def test_end_of_file_is_seen_after_the_last_message() -> None:
    ours, theirs = connected()
    ours.send(Pass(7))
    ours.close()
    assert theirs.receive() == [Pass(7)] or theirs.receive() == []
    theirs.receive()
    assert theirs.closed
    theirs.send(Pass(8))  # to nobody: forgotten, no error
    theirs.close()


def echo(channel: Channel, greeting: str) -> None:
    """The child of the tests below."""
    channel.send(Ready(greeting))
    while not channel.closed:
        channel.wait(None)
        for message in channel.receive():
            if isinstance(message, Leave):
                return
            channel.send(message)


def await_messages(child: Child, count: int) -> list[object]:
    got: list[object] = []
    while len(got) < count and not child.channel.closed:
        child.channel.wait(5.0)
        got += child.channel.receive()
    return got


def test_a_child_answers_and_leaves() -> None:
    child = Child("echo", 0, echo, ("hello",), None)
    assert await_messages(child, 1) == [Ready("hello")]
    frame = FrameReady(1, 2, 3, 4, 5, None, 7)
    child.channel.send(frame)
    assert await_messages(child, 1) == [frame]
    child.channel.send(Leave())
    assert await_messages(child, 1) == []
    assert child.channel.closed
    assert child.how_it_ended() == "left with exit code 0"
    child.close()


@pytest.mark.parametrize("file", [None, "program.py"], ids=["a program without a file", "a program"])
def test_a_child_leaves_the_main_module_as_it_was(file: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    if file:
        main.__file__ = file
    before = dict(vars(main))
    monkeypatch.setitem(sys.modules, "__main__", main)
    child = Child("echo", 0, echo, ("hello",), None)
    child.close()
    assert vars(main) == before


def test_a_killed_child_is_seen_and_named() -> None:
    child = Child("echo", 0, echo, ("hello",), None)
    await_messages(child, 1)
    os.kill(child.pid, signal.SIGKILL)
    assert await_messages(child, 1) == []
    assert child.channel.closed
    assert child.how_it_ended() == "died with SIGKILL"
    child.close()


def test_a_child_leaves_when_the_line_is_gone() -> None:
    child = Child("echo", 0, echo, ("hello",), None)
    await_messages(child, 1)
    child.channel.close()
    child.process.join(5.0)
    assert child.process.exitcode == 0
    child.close()


def test_a_hanging_child_leaves_its_stack(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "echo.stack.txt"
    child = Child("echo", 0, echo, ("hello",), path)
    await_messages(child, 1)
    child.kill(dump_stack=True)
    child.process.join(5.0)
    assert "echo" in path.read_text()
    child.close()


def test_the_budget_counts_within_its_window() -> None:
    budget = RestartBudget(3, 10.0)
    assert [budget.allow(t) for t in (0.0, 1.0, 2.0, 3.0)] == [True, True, True, False]
    assert budget.allow(11.5)
    assert not budget.allow(11.6) or budget.spent <= 5
    assert RestartBudget(0, 10.0).allow(0.0) is False


def test_the_fork_server_is_warm_with_a_symbol_that_reads() -> None:
    from vision.pipeline import preload

    assert preload.SYMBOLS_READ == 1
