"""Label Studio's REST API. Knows what is stored there, not what it means."""
