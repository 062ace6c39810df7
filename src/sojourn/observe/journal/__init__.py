"""The journal: every event of the life of a session, chained, sealed, and forgetful where it has to be."""
