"""Predictions against what people made of them: how good a model was, where, and whether its scores tell the truth."""
