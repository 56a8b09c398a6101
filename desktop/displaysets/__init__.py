"""How the instances of a series become display sets: the things that hang in a viewport."""
