"""What is traded for memory: checkpointing, channel splitting, micro-batches, offload."""
