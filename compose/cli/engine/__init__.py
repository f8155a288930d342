"""`pycompose engine …`: a small client of the engine for machines without Docker's command line, a file per family."""
