"""What CI systems read: masks, messages, command files."""
