"""What `python -m wholebody doctor` looks at: each check is a small function, told what the ones before found."""
