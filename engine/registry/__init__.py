"""The registry client: references, settings, authentication, manifests, blobs. Blocking; callers use threads."""
