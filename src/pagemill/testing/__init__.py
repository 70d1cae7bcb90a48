"""Fakes that ship: an engine with faults for real workers, and stand-ins that pass the suites of the real parts."""
