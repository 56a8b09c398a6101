"""Brings files into the library: finds them, reads them in worker processes, and accounts for every one."""
