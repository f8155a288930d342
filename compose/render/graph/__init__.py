"""The services of a project and what they need, as text and as pictures."""
