"""The bulk prefill: what to do, who computes, where predictions go. Looks at no image itself."""
