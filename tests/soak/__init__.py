"""The prefill under faults: a server and a proxy that fail by a seed, the runs through them, and the count after."""
