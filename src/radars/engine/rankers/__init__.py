"""What ranks networks without training them alone."""
