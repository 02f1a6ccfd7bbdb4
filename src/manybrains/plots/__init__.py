"""Pictures: data and an Axes in, that Axes out."""
