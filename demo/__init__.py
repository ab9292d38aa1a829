"""The demonstration: a real Label Studio beside the backend, on this machine only."""
