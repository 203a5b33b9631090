"""The HTTP service: validates, dispatches, stores, answers. No linear algebra."""
