import pytest

from pagemill.domain.errors import EngineFailed, OutOfMemory, PageUnreadable
from pagemill.engines.failures import engine_error, engine_errors, is_out_of_memory


class LibraryError(Exception):
    """Stands for the error class of a library."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemory("it did not fit"),
        LibraryError("OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 1 bytes"),
        LibraryError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code ... std::bad_alloc"),
        LibraryError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 9"),
        LibraryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=lambda error: str(error)[:30] or type(error).__name__,
)
def test_a_failed_allocation_is_recognised(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert isinstance(engine_error(error, doing="Reading page 1"), OutOfMemory)


def test_a_wrapped_allocation_failure_is_recognised() -> None:
    wrapper = LibraryError("inference failed")
    wrapper.__cause__ = LibraryError("std::bad_alloc")
    assert isinstance(engine_error(wrapper, doing="Reading page 1"), OutOfMemory)


@pytest.mark.parametrize("error", [ValueError("bad shape"), LibraryError("memory of an elephant"), OSError(2, "gone")])
def test_everything_else_is_the_engines_failure(error: Exception) -> None:
    failure = engine_error(error, doing="Reading page 7")
    assert isinstance(failure, EngineFailed)
    assert failure.message.startswith("Reading page 7 failed:")


def test_an_error_of_ours_stays_what_it_is() -> None:
    error = PageUnreadable("The page is torn.")
    assert engine_error(error, doing="Reading page 7") is error


def test_a_long_report_is_cut_to_its_first_line() -> None:
    failure = engine_error(LibraryError("what\n" + "stack\n" * 500), doing="Loading")
    assert failure.message == "Loading failed: LibraryError: what"


def test_what_fails_within_fails_in_the_words_of_the_domain() -> None:
    cause = LibraryError("bad_alloc")
    with pytest.raises(OutOfMemory, match="Reading page 7") as raised, engine_errors(doing="Reading page 7"):
        raise cause
    assert raised.value.__cause__ is cause
