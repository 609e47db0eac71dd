"""Commands for operators: setting up, checking the setup, keys and accounts."""
