"""Numbers to factorise: an API, workers, and a queue between them."""
