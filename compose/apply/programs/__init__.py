"""Programs beside the engine: providers, language models, transformations."""
