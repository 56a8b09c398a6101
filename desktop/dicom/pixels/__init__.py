"""Decodes frames and renders them as pictures: bytes and data sets in, arrays out.

    a frame's bytes ─► decoding.decode_frame ─► stored values ─┬─► render.render    ◄─ look.make_look
                       (format.make_format)                    ├─► presenting.apply ◄─ presentation.make_presentation
                                                               │
                 encode: PNG, JPEG, thumbnails ◄─ picture ◄────┘

Nothing is re-exported, so that who needs one module loads no other. Decoders are loaded when they are needed first.
"""
