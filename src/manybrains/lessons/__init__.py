"""What only a lesson needs: claims, predictions, honest workloads, a server to wait for."""
