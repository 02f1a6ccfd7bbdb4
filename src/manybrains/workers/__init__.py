"""What runs inside every worker: light modules that use only the standard library."""
