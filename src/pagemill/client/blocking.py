"""Turns coroutines that never suspend into plain functions: this gives `Client` every method of `AsyncClient`."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from pagemill.client.all_calls import AllCalls

P = ParamSpec("P")
T = TypeVar("T")


class HasCalls(Protocol):
    """A client that makes its calls directly."""

    @property
    def calls(self) -> AllCalls:
        """The calls, over a transport that never suspends."""
        ...


def blocking(
    method: Callable[Concatenate[AllCalls, P], Coroutine[object, None, T]],
) -> Callable[Concatenate[HasCalls, P], T]:
    """The call as a plain method."""

    @wraps(method)
    def call(client: HasCalls, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run_to_end(method(client.calls, *args, **kwargs))

    return call


def iterating(
    method: Callable[Concatenate[AllCalls, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate[HasCalls, P], Iterator[T]]:
    """The call as a plain method that returns an iterator."""

    @wraps(method)
    def call(client: HasCalls, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return _items(method(client.calls, *args, **kwargs))

    return call


def run_to_end(work: Coroutine[object, None, T]) -> T:
    """The result of a coroutine that never suspends."""
    try:
        work.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    work.close()
    raise AssertionError("a call over a blocking transport wanted to wait")


def _items(source: AsyncGenerator[T, None]) -> Iterator[T]:
    try:
        while True:
            try:
                item = run_to_end(source.__anext__())
            except StopAsyncIteration:
                return
            yield item
    finally:
        run_to_end(source.aclose())
