"""From a task's image reference to pixels: what may be fetched, fetching, decoding. Keeps nothing, and finds nobody."""
