"""Who is called what: the embedded name server and the files in containers."""
