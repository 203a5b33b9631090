"""The routers: thin, one for each resource."""
