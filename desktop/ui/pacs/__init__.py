"""Other archives: searching in them, fetching from them, and the page of nodes."""
