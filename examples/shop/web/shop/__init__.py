"""The shop's web application. It needs nothing but Python's standard library."""
