"""Makes the pages that are written from the commands themselves."""
