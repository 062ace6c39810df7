"""The verbs of sessions, by what they are for. `AsyncSessions`, in `sessions`, has them all."""
