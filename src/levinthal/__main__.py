"""`python -m levinthal` is the command `levinthal`."""

from levinthal.cli import main

if __name__ == "__main__":
    main()
