"""Label Studio's REST API, as the commands use it."""
