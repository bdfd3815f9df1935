"""`python -m forgefield`: the command line."""

from forgefield.app.cli import main

if __name__ == "__main__":
    main()
