"""From a request to a container that could be started: what is asked for, checked, completed and made."""
