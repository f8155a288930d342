"""The Docker Engine API's types and its HTTP, without any input or output.

Names follow moby's `api/swagger.yaml`: a definition is a class, a property its snake_case field.
"""
