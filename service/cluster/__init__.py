"""Long work on a Dask cluster: the service is its client, ``python -m service worker`` its workers.

Only what is in this package imports ``distributed``, and only where a cluster is named.
"""
