"""What only a lesson needs: claims, predictions, honest workloads, a slow server."""
