"""What concerns a container's files as a whole: their changes, their sizes, images and archives made of them."""
