"""Train a detector: an alias of `unmask train` for a clone."""

import sys

from unmask.cli.calls import train

if __name__ == "__main__":
    train(sys.argv[1:])
