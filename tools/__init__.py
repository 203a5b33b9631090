"""Scripts that make what is kept in the project; nothing here runs in the service."""
