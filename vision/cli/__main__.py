"""`python -m vision.cli`: the same as `vision`."""

from vision.cli.main import main

if __name__ == "__main__":
    main()
