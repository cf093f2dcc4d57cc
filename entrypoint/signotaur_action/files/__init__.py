"""Files that survive a kill: key files, dotenv files, the journal."""
