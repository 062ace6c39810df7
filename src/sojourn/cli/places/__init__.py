"""`sojourn places`: the database that tells where an address is thought to be."""
