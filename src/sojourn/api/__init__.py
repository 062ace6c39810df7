"""The HTTP API as tables of routes: who may ask, which verb, how to say the answer."""
