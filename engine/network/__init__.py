"""Networks: bridges, addresses, names and published ports. `service.NetworkService` is the door."""
