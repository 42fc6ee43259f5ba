"""`python -m unmask VERB [key=value ...]`."""

from unmask.cli.main import main

if __name__ == "__main__":
    main()
