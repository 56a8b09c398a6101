"""Pictures of the library's instances: their frames as they are stored, decoded and drawn."""
