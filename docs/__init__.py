"""Tools that keep the documentation true: its generated parts and its pictures."""
