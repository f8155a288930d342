"""What the kernel is told about links, addresses and the firewall, and in which messages."""
