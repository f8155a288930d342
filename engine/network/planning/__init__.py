"""What networks and places in them are to be: wishes checked and turned into plans. Pure."""
