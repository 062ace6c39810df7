"""What is kept about people: an inventory of it, a copy for them, and a way to be rid of it."""
