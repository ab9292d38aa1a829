"""The bulk prefill."""
