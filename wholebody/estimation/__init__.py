"""From pixels to poses: weights, networks, and the arithmetic around them. Knows no regions and no Label Studio."""
