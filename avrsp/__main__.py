"""`python -m avrsp` is `avrsp`."""

from avrsp.cli import main

main()
