"""What is on disk: blobs by digest, unpacked layers by chain id, and overlay mounts over them (the graph driver)."""
