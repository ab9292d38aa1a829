"""From pixels to poses: weights, networks, and the arithmetic around them."""
