"""Widgets: what the course's functions do, by hand."""
