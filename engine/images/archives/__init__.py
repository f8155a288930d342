"""Images as files: what `docker save`, `load` and `import` write and read, and OCI layouts."""
