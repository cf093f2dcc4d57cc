"""Every option, declared once: flags, environment names, help."""
