"""Services, networks and volumes as the engine wants them asked for."""
