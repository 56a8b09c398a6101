"""OHIF in a web engine view, and what it may do there."""
