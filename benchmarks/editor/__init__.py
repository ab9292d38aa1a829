"""What annotators have to do with in the editor, measured: see `__main__`."""
