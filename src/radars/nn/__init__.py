"""Candidate operations, supernets, and the steps that train them."""
