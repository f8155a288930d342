"""The container's health check: succeeds when the shop can serve."""

from urllib.request import urlopen

urlopen("http://127.0.0.1:8000/health", timeout=5).close()
