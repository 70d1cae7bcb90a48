"""The door for clients of docling-serve, such as Open WebUI and RAGFlow."""
