"""The SOP class handlers, one module a family."""
