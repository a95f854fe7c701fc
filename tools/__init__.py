"""Makes what is shipped, outside the installed package."""
