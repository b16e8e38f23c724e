"""What is found, beside networks that need no search: all trained alike when a search is over."""
