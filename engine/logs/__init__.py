"""The log files of containers: their format, reading, following and rotating them."""
