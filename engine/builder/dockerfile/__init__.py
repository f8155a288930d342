"""The Dockerfile front end: text to a graph of stages. Pure; nothing here touches files, network or clock."""
