"""What the doctor looks at: each check is a small function, told what the ones before found. Prints nothing."""
