"""Where steps run: devices, processes, workers."""
