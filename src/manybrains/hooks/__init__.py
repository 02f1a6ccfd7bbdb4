"""What is put into Python's own workers and threads: births, ends and errors, where they happen."""
