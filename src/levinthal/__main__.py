"""`python -m levinthal` is the command `levinthal`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # the current folder, which may be one from elsewhere with modules of its own, unless the package is found there
    if not sys.flags.safe_path and sys.path and Path(sys.path[0]) not in Path(__file__).resolve().parents:
        del sys.path[0]

    from levinthal.cli import main

    main()
