"""The verbs that window, command line and tests share."""
