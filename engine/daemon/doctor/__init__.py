"""`pycompose-engine doctor`: what this machine lacks, what is left over, and what to do about it."""
