"""The project as typed, frozen data: what the Compose files mean once everything is resolved.

Field names are those of the Compose Specification. Durations are nanoseconds, sizes bytes.
"""
