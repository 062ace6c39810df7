"""Sessions in web frameworks: the same words in every one, in a module named after it."""
