"""Listings of containers, volumes, processes and the like, as Docker's commands print them."""
