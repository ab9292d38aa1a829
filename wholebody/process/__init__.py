"""What a long-lived process of ours needs, served or not. Fetches, finds and stores nothing."""
