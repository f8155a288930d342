"""Containers as processes, by conmon and an OCI runtime (the exec driver). `runtime.Runtime` is the door."""
