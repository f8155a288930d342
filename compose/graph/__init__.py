"""The services of a project as a graph: cycles, order, selection, profiles."""
