"""The door for clients of Mistral OCR, such as LibreChat, LiteLLM and Open WebUI."""
