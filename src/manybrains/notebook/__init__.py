"""%load_ext manybrains: %%watch, cells as a script, what workers print."""
