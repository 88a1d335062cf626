"""What the workers share: frames, the CUDA driver, builds, runs and timing."""
