"""`python -m unicorn_assets`: the same as the `unicorn` script."""

from unicorn_assets.cli import main

main()
