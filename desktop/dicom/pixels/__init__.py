"""Decodes frames and renders them as pictures: bytes and data sets in, arrays out.

Nothing is re-exported, so that who needs one module loads no other. Decoders are loaded when they are needed first.
"""
