"""What a long-lived process of ours needs, served or not. Knows no task, no image and no HTTP."""
