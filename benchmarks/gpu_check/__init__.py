"""What the library promises on a GPU, checked in ten minutes on one: `python -m gpu_check`."""
