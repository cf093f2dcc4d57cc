"""From options, environment and files to what a command needs."""
