"""What rides along in every worker: light, and of the standard library only."""
