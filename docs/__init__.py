"""Tools that keep the documentation true: generated parts of README.md, and its picture."""
