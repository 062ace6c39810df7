"""Is this set up well? What is found, and what to do."""

from sojourn.doctor.examine import examine
from sojourn.doctor.stores import Finding

__all__ = ["Finding", "examine"]
