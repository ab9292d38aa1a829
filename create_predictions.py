"""The bulk prefill: fills all tasks of a project. The same as `wholebody prefill`."""

from wholebody.__main__ import main

if __name__ == "__main__":
    main.commands["prefill"]()
