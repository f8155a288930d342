"""One build for buildx: what it asks for, where its files come from, what it tells and where its result goes."""
