"""The bulk prefill: fills all tasks of a project. The same as `python -m wholebody prefill`."""

from wholebody.__main__ import prefill

if __name__ == "__main__":
    prefill()
