"""`python -m daemon` is `tether`."""

from daemon.cli import main

if __name__ == "__main__":
    main()
