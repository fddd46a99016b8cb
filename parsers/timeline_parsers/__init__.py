"""The parsers of timeline-build; each is found through the entry-point group `timeline.parsers`."""
