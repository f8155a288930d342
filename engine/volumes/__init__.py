"""Named volumes and the local driver's mounts. `service.VolumeService` is the door."""
