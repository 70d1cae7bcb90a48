"""All calls."""

from pagemill.client.batch_calls import BatchCalls
from pagemill.client.following_calls import FollowingCalls


class AllCalls(FollowingCalls, BatchCalls):
    """All calls to a service."""
