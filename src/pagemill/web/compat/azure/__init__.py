"""The door for clients of Azure Document Intelligence (`prebuilt-read`), such as Paperless-ngx."""
