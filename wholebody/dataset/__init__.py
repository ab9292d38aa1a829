"""The people of annotations, out of and into files for training. Nothing here predicts or measures."""
