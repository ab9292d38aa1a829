"""The bulk prefill: what to do, who computes, where predictions go. Knows neither images nor networks."""
