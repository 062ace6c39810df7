"""What an operator sets: one table of fields, and each value with the place that it came from."""

from sojourn.settings.fields import Field
from sojourn.settings.loading import Loaded, Row, load
from sojourn.settings.settings import Settings
from sojourn.settings.table import FIELDS

__all__ = ["FIELDS", "Field", "Loaded", "Row", "Settings", "load"]
