"""Every call there is."""

from pagemill.client.batch_calls import BatchCalls
from pagemill.client.following_calls import FollowingCalls


class AllCalls(FollowingCalls, BatchCalls):
    """All that can be asked of a service."""
